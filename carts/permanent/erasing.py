"""Carts of users that are gone.

A trigger erases a user's copies with the user's row, whoever deletes that. The hash is in another
store: whoever comes across one without a user erases it, be it a saver, the sweep, or who deleted
the user.
"""

import logging
from collections.abc import Collection

from carts.domain.cart import CartOwner
from carts.live import bulk
from carts.live.keys import group_by_shard
from carts.models import Cart, CartChange
from carts.permanent import rows

logger = logging.getLogger(__name__)


def erase_orphans(owners: Collection[CartOwner]) -> set[CartOwner]:
    """Erase the hashes of those owners that are users and do not exist; return these owners.

    One query, and a script for 20 of them. Raises CartStoreUnavailable, OperationalError.
    """
    orphans = find_orphans(owners)
    erased = sum(bulk.erase(prefix, some) for prefix, some in group_by_shard(orphans).items())
    if erased:
        logger.info("%d carts of users that are gone were erased", erased)
    return orphans


def find_orphans(owners: Collection[CartOwner]) -> set[CartOwner]:
    """Return those of the owners that are users and do not exist; one query, if any is a user."""
    users = {owner.id: owner for owner in owners if not owner.is_guest}
    return {users[user_id] for user_id in rows.find_missing_users(users)}


def lock_copies(user: CartOwner) -> None:
    """Lock the copies of a user's carts, in id order, until the transaction ends."""
    carts = Cart.objects.select_for_update().filter(user_id=user.id)
    list(carts.order_by("pk").values_list("pk"))


def count_changes(user: CartOwner) -> int:
    """Return how many changes of a user's carts are in the log."""
    return CartChange.objects.filter(owner_id=user.id, owner_kind="user").count()
