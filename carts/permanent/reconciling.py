"""Carts whose hash came from an older file than their permanent copy: both are kept, united."""

import logging
from collections.abc import Iterator

from carts.domain.cart import CartOwner
from carts.domain.settling import take_purchases
from carts.domain.uniting import unite_carts
from carts.live import maintenance, store
from carts.live.keys import shard_prefix
from carts.permanent import rows
from carts.permanent.copies import read_copy
from carts.permanent.writing import judge

logger = logging.getLogger(__name__)


def reconcile(owner: CartOwner) -> bool:
    """Unite the living cart with its copy if the copy is of another history.

    Return whether it was. The cart is unsaved then. Nothing is changed where the cart has moved on
    meanwhile, or is being merged; it stays unsaved, and the next save comes here again.
    """
    # The copy first: a saver notes its version in the hash before it writes, so a copy of the
    # same history, however new, is known to a hash that is read after it.
    copy = read_copy(owner)
    claims = maintenance.claim(shard_prefix(owner), [owner])
    if copy is None or not claims.found:
        return False
    [claim] = claims.found
    is_other_cart = copy.cart.id != claim.cart.id
    if claim.descends_from(copy.cart.version) or (copy.has_expired and is_other_cart):
        return False
    if copy.cart.handover is not None or claim.cart.handover is not None:
        # A merge went further than this hash knows: its copy takes its place at the next look.
        maintenance.retire(shard_prefix(owner), {owner: claim.cart.version})
        return True
    # Either may still hold what an order bought, while only one of them has its mark.
    living = claim.cart if is_other_cart else take_purchases(claim.cart, copy.purchases)
    united = unite_carts(living=living, copy=take_purchases(copy.cart, copy.purchases))
    outcome = store.unite(united, living=claim.cart)
    logger.warning("cart %s united with its newer copy: %s", united.id, outcome.status)
    return outcome.status == "done"


def find_strays(prefix: str, *, page_size: int) -> Iterator[list[CartOwner]]:
    """Look through all hashes of a shard for those of another history than their copies.

    Yields the owners page by page. Costs about 20 microseconds a cart, and one query a page.
    """
    for owners in maintenance.list_carts(prefix, page_size=page_size):
        claims = maintenance.peek(prefix, owners)
        stored = rows.find_carts([claim.cart for claim in claims])
        yield [
            claim.cart.owner
            for claim in claims
            if judge(claim, stored.get(claim.cart.owner, ())) == "stray"
        ]
