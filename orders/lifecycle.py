"""What becomes of an order: the one place that knows which status may follow which.

Every change locks the order's row, so that the first of several counts, and is logged with who made
it. Stock goes back in the transaction that cancels.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carts.jobs import do_each, register_job
from config.stores.database import in_transaction
from orders.errors import InvalidTransition, OrderNotFound
from orders.listing import list_ids
from orders.models import LineReturn, Order, OrderEvent, OrderStatus
from orders.pending import keep_contact_marks
from products.stock import give_back

TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset({OrderStatus.SHIPPED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.COMPLETED}),
    OrderStatus.COMPLETED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}

SYSTEM = "system"
_CANCEL = register_job("cancel_unpaid_orders")


@in_transaction
def pay_order(*, order_id: str, actor: str, now: datetime) -> Order:
    """Mark a pending order paid. Raises OrderNotFound, InvalidTransition."""
    order = lock_order(order_id)
    return _change_status(order, OrderStatus.PAID, actor, now, paid_at=now)


@in_transaction
def ship_order(*, order_id: str, actor: str, now: datetime) -> Order:
    """Mark a paid order shipped. Raises OrderNotFound, InvalidTransition."""
    return _change_status(lock_order(order_id), OrderStatus.SHIPPED, actor, now)


@in_transaction
def complete_order(*, order_id: str, actor: str, now: datetime) -> Order:
    """Mark a shipped order completed. Raises OrderNotFound, InvalidTransition."""
    return _change_status(lock_order(order_id), OrderStatus.COMPLETED, actor, now)


@in_transaction
def cancel_order(*, order_id: str, actor: str, now: datetime, buyer: str | None = None) -> Order:
    """Cancel a pending order of this buyer (None for any), and give its units and allowance back.

    Raises OrderNotFound, InvalidTransition; nothing has changed then.
    """
    return _cancel(lock_order(order_id, buyer=buyer), actor, now)


@in_transaction
def cancel_order_for_return(
    *, order_id: str, actor: str, now: datetime, buyer: str | None = None
) -> Order:
    """Cancel a pending order like `cancel_order`, and note that its lines go back into the cart.

    `orders.settlement` puts them there.
    """
    order = lock_order(order_id, buyer=buyer)
    return _cancel(order, actor, now, line_return=LineReturn.DUE)


def cancel_expired_orders(*, now: datetime) -> int:
    """Cancel every order that was not paid in time; return how many were cancelled.

    One transaction an order, about ten queries each. An order that somebody else has locked is left
    to them, so two runs at once do no harm. Raises OperationalError, InterfaceError.
    """
    expired = Order.objects.filter(status=OrderStatus.PENDING, expires_at__lte=now)
    return do_each(_CANCEL, list_ids(expired), lambda order_id: _cancel_if_expired(order_id, now))


def lock_order(order_id: str, *, buyer: str | None = None) -> Order:
    """Return the order, locked until the transaction ends.

    Raises OrderNotFound, also if the order is not this buyer's, or not any more.
    """
    order = Order.objects.select_for_update(no_key=True).filter(pk=order_id).first()
    if order is None or buyer not in {None, order.buyer}:
        raise OrderNotFound
    return order


@in_transaction
def _cancel_if_expired(order_id: str, now: datetime) -> bool:
    expired = Order.objects.filter(pk=order_id, status=OrderStatus.PENDING, expires_at__lte=now)
    order = expired.select_for_update(no_key=True, skip_locked=True).first()
    if order is None:
        return False
    _cancel(order, SYSTEM, now)
    return True


def _cancel(order: Order, actor: str, now: datetime, **changes: Any) -> Order:
    """Cancel a locked order, and give back what it took."""
    cancelled = _change_status(
        order, OrderStatus.CANCELLED, actor, now, cancelled_at=now, **changes
    )
    items = list(order.items.values_list("sku_id", "quantity", "took_stock"))
    give_back(
        buyer=order.buyer,
        also=keep_contact_marks(order.marks),
        units={sku_id: quantity for sku_id, quantity, _ in items},
        untracked={sku_id for sku_id, _, took_stock in items if not took_stock},
    )
    return cancelled


def _change_status(
    order: Order, status: OrderStatus, actor: str, now: datetime, **changes: Any
) -> Order:
    """Change a locked order and log it; raises InvalidTransition."""
    before = OrderStatus(order.status)
    if status not in TRANSITIONS[before]:
        raise InvalidTransition(status=before, wanted=status)
    changes |= {"status": status, "marks": keep_contact_marks(order.marks)}
    for field, value in changes.items():
        setattr(order, field, value)
    order.save(update_fields=list(changes))
    OrderEvent.objects.create(
        order=order, from_status=before, to_status=status, actor=actor, created_at=now
    )
    return order
