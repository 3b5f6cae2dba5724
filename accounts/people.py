"""What a person may ask of a shop that knows them: to be forgotten."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete

from accounts.models import User
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.operations import count_changes, erase_orphans, lock_copies
from config.stores.database import in_transaction

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traces:
    """How much there is of a user beside the account: copies of carts, orders, log entries."""

    carts: int
    orders: int
    changes: int


@in_transaction
def erase_user(user: User) -> None:
    """Erase a user: account, tokens, carts, and the contacts and addresses in orders.

    Orders keep their figures and the change log its entries, without the user. Orders that are not
    paid time out as all do. Triggers do the database's part, also where raw SQL deletes the row.
    The living cart ends when that commits, or by the next sweep where Redis cannot be reached.
    Raises OperationalError; nothing is erased then.
    """
    # The cart before the account, as in checkouts. In the other order the two could deadlock.
    lock_copies(CartOwner.for_user(user.pk))
    # Of the user as the database has it, so that this can begin again.
    for found in User.objects.filter(pk=user.pk):
        found.delete()


def find_traces(user: User) -> Traces:
    """Return what erasing this user will reach; three queries."""
    return Traces(
        carts=user.carts.count(),
        orders=user.orders.count(),
        changes=count_changes(CartOwner.for_user(user.pk)),
    )


def connect_signals() -> None:
    """Have every user that the ORM deletes lose the living cart when that commits."""
    post_delete.connect(_on_delete, sender=User, dispatch_uid="accounts.people")


def _on_delete(instance: User, **_: Any) -> None:
    transaction.on_commit(partial(_erase_living_cart, instance.pk))


def _erase_living_cart(user_id: str) -> None:
    try:
        erase_orphans([CartOwner.for_user(user_id)])
    except CartStoreUnavailable:
        logger.warning("the living cart of a deleted user is left to the sweep")
