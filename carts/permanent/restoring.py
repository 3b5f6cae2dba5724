"""From the permanent copy back to a live cart, when the hash is gone."""

import time
from dataclasses import replace

from carts.domain.cart import Cart, CartOwner
from carts.domain.settling import take_purchases
from carts.live import store
from carts.live.keys import derive_cart_id
from carts.models import Cart as CartModel
from carts.permanent.copies import read_copy


def restore_cart(owner: CartOwner) -> Cart:
    """Put the owner's active cart back in place if its permanent copy has one, and return it.

    Without one, the cart that the owner would get next is returned: it does not exist yet.

    1. Read the owner's active cart, or else the last one that ended, in one query.
    2. An ended cart, and a guest's past its expiry, does not come back.
    3. Take out what orders bought and the copy still holds; the cart is unsaved then.
    4. Put it in place, unless a living cart is there by now: that one is returned instead.

    A cart whose hash had been retired costs a second query. Raises OperationalError,
    CartStoreUnavailable; then nothing has changed.
    """
    copy = read_copy(owner)
    if copy is None:
        return _next_cart(owner, None)
    if not copy.may_return:
        return _next_cart(owner, copy.cart.id)
    if copy.is_retired:
        # The sweep has to look for a hash again.
        CartModel.objects.filter(pk=copy.cart.id).update(retired_at=None)
    cart = take_purchases(copy.cart, copy.purchases)
    if cart != copy.cart:
        # The lost hash may have had the next version, with other lines: no version comes twice.
        now_ms = time.time_ns() // 1_000_000
        cart = replace(cart, version=max(copy.cart.version + 1, now_ms))
    return store.load_if_absent(cart, saved_version=copy.cart.version)


def _next_cart(owner: CartOwner, previous_id: str | None) -> Cart:
    cart_id = derive_cart_id(owner, previous_id)
    return Cart(id=cart_id, owner=owner, version=0, created_ms=0, updated_ms=0)
