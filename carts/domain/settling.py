"""What is left in a cart when units of it have been bought: a pure function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from carts.domain.cart import Cart, Line


@dataclass(frozen=True, slots=True)
class Purchase:
    """Units that an order bought out of a cart, by SKU, and the mark it leaves there."""

    token: str
    units: Mapping[str, int]


def take_purchases(cart: Cart, purchases: Sequence[Purchase]) -> Cart:
    """Return the cart without the units of those purchases that it has no mark of yet.

    Units beyond the bought ones stay. The cart has ended when its last line is gone. Version and
    times are those of the given cart.
    """
    for purchase in purchases:
        if purchase.token not in cart.settled:
            cart = _take_purchase(cart, purchase)
    return cart


def _take_purchase(cart: Cart, purchase: Purchase) -> Cart:
    lines = tuple(
        line
        for line in (_take_units(line, purchase.units.get(line.sku_id, 0)) for line in cart.lines)
        if line.quantity > 0
    )
    has_ended = bool(cart.lines) and not lines
    return replace(
        cart,
        lines=lines,
        settled=(*cart.settled, purchase.token),
        status="CHECKEDOUT" if has_ended else cart.status,
    )


def _take_units(line: Line, bought: int) -> Line:
    return line._replace(quantity=max(0, line.quantity - bought)) if bought else line
