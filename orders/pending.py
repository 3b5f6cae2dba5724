"""How many orders, and units in them, may wait for payment: limited by who placed them.

An order carries marks of whom it counts against: a user, or a guest's contact, and the address it
came from. The mark of the address goes when the order is paid or cancelled.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db import connection

from carts.domain.cart import CartOwner
from config.hashing import hash_secret
from orders.contacts import CONTACT_MARK
from orders.errors import TooManyPendingOrders

_ADDRESS_MARK = "address:"


def list_marks(owner: CartOwner, contact_marks: Sequence[str], address: str) -> list[str]:
    """Return whom an order counts against; `address` is "" where none is known."""
    marks = list(contact_marks) if owner.is_guest else [owner.key]
    if address:
        marks.append(f"{_ADDRESS_MARK}{hash_secret(address)}")
    return marks


def keep_contact_marks(marks: Sequence[str]) -> list[str]:
    """Return the marks that an order keeps: purchases go on counting against the contact."""
    return [mark for mark in marks if mark.startswith(CONTACT_MARK)]


def hold_pending(*, marks: Sequence[str], units: int) -> None:
    """Raise TooManyPendingOrders unless another order of so many units may wait for its payment.

    Orders with one of these marks queue up here until the transaction ends, so that all of them
    are counted. Must be the last lock that the transaction takes. Two queries.
    """
    pending = _count_pending(marks)
    for mark in marks:
        orders, held = pending.get(mark, (0, 0))
        most_orders, most_units = _find_limits(mark)
        if most_orders and orders >= most_orders:
            raise TooManyPendingOrders(counted="orders", limit=most_orders, pending=orders)
        if most_units and held + units > most_units:
            raise TooManyPendingOrders(counted="units", limit=most_units, pending=held)


def _find_limits(mark: str) -> tuple[int, int]:
    """Return how many orders, and how many units in all, may wait; 0 for any number."""
    if mark.startswith(_ADDRESS_MARK):
        return settings.ORDER_MAX_PENDING_PER_ADDRESS, settings.ORDER_MAX_PENDING_UNITS_PER_ADDRESS
    return settings.ORDER_MAX_PENDING, settings.ORDER_MAX_PENDING_UNITS


def _count_pending(marks: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Lock the marks in order, and return the pending orders and their units by mark."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, (sorted(marks),))
        # A query of its own, which sees what was committed while the first one waited.
        cursor.execute(_COUNT, (list(marks),))
        return {mark: (orders, units) for mark, orders, units in cursor.fetchall()}


_LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended('pending order|' || mark, 0))
FROM unnest(%s::text[]) AS mark
"""
_COUNT = """
SELECT mark, count(*), sum(item_count)
FROM unnest(%s::text[]) AS mark JOIN orders_order ON marks @> ARRAY[mark::varchar(160)]
WHERE status = 'PENDING'
GROUP BY mark
"""
