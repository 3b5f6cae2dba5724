"""Uniting carts with copies of another history, as after Redis was restored from an older file."""

import logging
from dataclasses import replace

from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartContended
from carts.domain.settling import take_purchases
from carts.domain.uniting import leave_out_lines, unite_carts
from carts.live import care, store
from carts.permanent.copies import Copy, read_copy
from carts.permanent.handovers import withdraw

logger = logging.getLogger(__name__)


def reconcile(owner: CartOwner) -> bool:
    """Unite the living cart with its copy if the copy is of another history.

    Return whether they were united; then the cart is unsaved. A cart that changes meanwhile stays
    as it is and unsaved, and the next save tries again. A cart that is being merged stays so: what
    the merge has taken already is left out, and the rest follows it.
    """
    # The copy first: a saver notes its version in the hash before it writes, so a copy of the
    # same history, however new, is known to a hash that is read after it.
    copy = read_copy(owner)
    state = care.look_at(owner)
    if copy is None or state is None or state.found is None:
        return False
    live = state.found
    is_other_cart = copy.cart.id != live.cart.id
    if live.descends_from(copy.cart.version) or (is_other_cart and not copy.may_return):
        return False
    try:
        united = _unite(live.cart, copy)
    except CartContended:
        logger.warning("cart %s is of another history than its copy, and stays so", live.cart.id)
        return False
    outcome = store.unite(united, living=live.cart)
    logger.warning("cart %s united with its newer copy: %s", united.id, outcome.status)
    return outcome.status == "done"


def _unite(living: Cart, copy: Copy) -> Cart:
    kept = copy.cart
    # Either may still hold what an order bought or a merge took, while only one of them knows.
    if living.id == kept.id:
        living = take_purchases(living, copy.purchases)
    kept = take_purchases(kept, copy.purchases)
    if not withdraw(living):
        living = replace(living, lines=(), handover=None)
    if not withdraw(kept):
        living = leave_out_lines(living, kept.lines)
        kept = replace(kept, lines=(), handover=None)
    return unite_carts(living=living, copy=kept)
