"""Buyers as the services know them."""

from carts.domain.cart import CartOwner
from tests.carts.shopper import Shopper


def owner_of(shopper: Shopper) -> CartOwner:
    """Return whose cart and orders a shopper's calls are about."""
    is_guest = "X-Guest-ID" in shopper.headers
    return (CartOwner.for_guest if is_guest else CartOwner.for_user)(shopper.owner_id)
