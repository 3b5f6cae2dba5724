"""Why something was refused, in the reader's language."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from carts.domain.errors import (
    CartChanged,
    CartContended,
    CartError,
    CartFull,
    CartNotFound,
    CartStoreUnavailable,
    CartUnreadable,
    InsufficientStock,
    InvalidProductOrQuantity,
    ItemNotFound,
    ProductNotAvailable,
    ProductNotFound,
    PurchaseLimitExceeded,
)


def tell_refusal(error: CartError) -> str:
    """Return the sentence for what an operation raised."""
    tell = _SENTENCES.get(type(error))
    return tell(error) if tell is not None else f"{error}."


def tell_store_down() -> str:
    """Return the sentence for a live store that does not answer."""
    return _("The live store cannot be reached right now. Try again shortly.")


_SENTENCES: dict[type[CartError], Callable[[Any], str]] = {
    InsufficientStock: lambda error: (
        _("Insufficient stock: %(available)d available, %(in_cart)d in the cart.")
        % {"available": error.available, "in_cart": error.in_cart}
    ),
    PurchaseLimitExceeded: lambda error: (
        _("Purchase limit exceeded: %(limit)d a buyer, %(remaining)d left for this one.")
        % {"limit": error.limit, "remaining": error.remaining}
    ),
    InvalidProductOrQuantity: lambda _error: _("That is more than a line may hold."),
    ProductNotAvailable: lambda _error: _("The product is not for sale."),
    ProductNotFound: lambda _error: _("There is no such product."),
    CartFull: lambda _error: _("The cart is full."),
    CartNotFound: lambda _error: _("There is no living cart."),
    ItemNotFound: lambda _error: _("The cart has no such line any more."),
    CartChanged: lambda _error: _(
        "The cart has changed since this page was shown. Nothing was done; look at it again."
    ),
    CartContended: lambda _error: _(
        "The cart keeps changing, or is being merged. Nothing was done; try again shortly."
    ),
    CartUnreadable: lambda _error: _("What Redis holds is not a cart."),
    CartStoreUnavailable: lambda _error: _(
        "The live store did not answer, so it is not known whether this was done. Look again"
        " shortly."
    ),
}
