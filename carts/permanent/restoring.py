"""From the permanent copy back to a live cart, when the hash is gone."""

import time
from dataclasses import dataclass, replace

from carts.domain.cart import Cart, CartOwner
from carts.domain.settling import take_purchases
from carts.live import store
from carts.models import Cart as CartModel
from carts.permanent.copies import read_copy


@dataclass(frozen=True, slots=True)
class Restored:
    """What the permanent copy knows of an owner without a hash.

    `cart` is the cart that was put back in place; without one, `previous_id` is the id of the
    owner's last cart that ended, if any.
    """

    cart: Cart | None = None
    previous_id: str | None = None


def restore_cart(owner: CartOwner) -> Restored:
    """Put the owner's active cart back in place if its permanent copy has one.

    1. Read the owner's active cart, or else the last one that ended, in one query.
    2. An ended cart, and a guest's past its expiry, does not come back: only its id is returned.
    3. Take out what orders bought and the copy still holds; the cart is unsaved then.
    4. Put it in place, unless a living cart is there by now: that one is returned instead.

    A cart whose hash had been retired costs a second query. Raises OperationalError,
    CartStoreUnavailable; then nothing has changed.
    """
    copy = read_copy(owner)
    if copy is None:
        return Restored()
    if not copy.may_return:
        return Restored(previous_id=copy.cart.id)
    if copy.is_retired:
        # The sweep has to look for a hash again.
        CartModel.objects.filter(pk=copy.cart.id).update(retired_at=None)
    cart = take_purchases(copy.cart, copy.purchases)
    if cart != copy.cart:
        # The lost hash may have had the next version, with other lines: no version comes twice.
        now_ms = time.time_ns() // 1_000_000
        cart = replace(cart, version=max(copy.cart.version + 1, now_ms))
    return Restored(store.load_if_absent(cart, saved_version=copy.cart.version))
