"""Reading a cart: from its hash, or from the permanent copy if there is no hash."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from carts.domain.cart import Cart, CartOwner, Line
from carts.live import store
from carts.permanent.restoring import restore_cart
from config.http.idempotency import KeyedCall
from config.http.ratelimit import Charge
from products.catalogue import read_offers, read_snapshots
from products.offers import Offer, Snapshot


@dataclass(frozen=True, slots=True)
class CartView:
    """A cart, and what the catalogue says of its lines now.

    `offers` lacks SKUs that are gone from the catalogue; `snapshots` holds the revisions of lines
    whose offer has moved on since they were added.
    """

    cart: Cart
    offers: Mapping[str, Offer]
    snapshots: Mapping[int, Snapshot]


def get_cart(*, owner: CartOwner) -> CartView:
    """Return the owner's cart with live prices. Changes nothing. Raises CartStoreUnavailable."""
    cart = read_cart(owner)
    return view_cart(cart, read_offers(sku_ids=cart.sku_ids, buyer=owner.key))


def read_cart(
    owner: CartOwner, *, charges: tuple[Charge, ...] = (), call: KeyedCall | None = None
) -> Cart:
    """Return the owner's cart; one that does not exist yet has version 0 and the id it would get.

    Raises CallRepeatedError, RateLimited, AccessEnded, CartStoreUnavailable.
    """
    cart = store.open_cart(owner, charges=charges, call=call)
    return restore_cart(owner) if cart is None else cart


def view_cart(cart: Cart, offers: Mapping[str, Offer]) -> CartView:
    """Return the view of a cart, asking the catalogue only for what `offers` lacks.

    A guest's cart that has been handed to a user shows nothing: its lines are the user's.
    """
    if cart.handover is not None:
        return CartView(replace(cart, lines=()), {}, {})
    missing = [sku_id for sku_id in cart.sku_ids if sku_id not in offers]
    if missing:
        offers = {**offers, **read_offers(sku_ids=missing, buyer=cart.owner.key)}
    revisions = {
        line.revision for line in cart.lines if _has_moved_on(line, offers.get(line.sku_id))
    }
    return CartView(cart, offers, read_snapshots(revisions) if revisions else {})


def _has_moved_on(line: Line, offer: Offer | None) -> bool:
    return offer is None or line.revision != offer.revision
