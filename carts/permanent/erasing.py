"""Carts of users that are gone.

The database erases a user's rows when the user's own row is deleted, whoever does it. The hash is
in another store, so whoever comes across one without a user takes it away: a saver, the sweep, a
repair, or at once who deleted the user.
"""

import logging
from collections.abc import Collection

from carts.domain.cart import CartOwner
from carts.live import bulk
from carts.live.keys import group_by_shard
from carts.models import Cart, CartChange
from carts.permanent import rows

logger = logging.getLogger(__name__)


def erase_orphans(owners: Collection[CartOwner]) -> int:
    """Take away the hashes of those owners that are users and do not exist; return how many.

    One query, and a script for 20 of them. Raises CartStoreUnavailable, OperationalError.
    """
    orphans = group_by_shard(find_orphans(owners))
    erased = sum(bulk.erase(prefix, gone) for prefix, gone in orphans.items())
    if erased:
        logger.info("%d carts of users that are gone were erased", erased)
    return erased


def lock_copies(user: CartOwner) -> None:
    """Lock the copies of a user's carts, in id order, until the transaction ends."""
    carts = Cart.objects.select_for_update().filter(user_id=user.id)
    list(carts.order_by("pk").values_list("pk", flat=True))


def count_changes(user: CartOwner) -> int:
    """Return how many changes of a user's carts are in the log."""
    return CartChange.objects.filter(owner_id=user.id, owner_kind="user").count()


def find_orphans(owners: Collection[CartOwner]) -> set[CartOwner]:
    """Return those of the owners that are users and do not exist; one query, if any is a user."""
    users = {owner.id for owner in owners if not owner.is_guest}
    gone = rows.find_missing_users(users) if users else set()
    return {owner for owner in owners if not owner.is_guest and owner.id in gone}
