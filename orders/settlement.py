"""After the order: the bought units leave the cart, and those of a cancelled order may come back.

Both change the cart, which is in another store than the order. So what has to be done is noted in
the order's transaction, is safe to repeat, and is finished by a task after a crash.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError

from carts.domain.errors import CartContended, CartStoreUnavailable
from carts.domain.returning import OrderedLine, ReturnedLine
from carts.jobs import do_each, register_job
from carts.operations import ChangeContext, list_unsettled, settle_order
from carts.operations import return_lines as return_lines_to_cart
from config.http.recording import current_request_id
from orders.listing import list_ids
from orders.models import LineReturn, Order

logger = logging.getLogger(__name__)

# Younger orders are still being settled by the request that placed them.
_GRACE = timedelta(seconds=5)
_SETTLE = register_job("settle_orders")
_RETURN = register_job("return_lines")


def settle(order: Order) -> None:
    """Take what the order bought out of the cart, once.

    The order stands whatever happens here: what cannot be done now is left to the task.
    """
    with _left_to_task(order, "settled"):
        _settle(order.pk)


def settle_orders(*, now: datetime) -> int:
    """Settle the orders a crash left unsettled; return how many.

    An order whose cart cannot be changed now waits for the next run.
    Raises CartStoreUnavailable, OperationalError.
    """
    return do_each(_SETTLE, list_unsettled(before=now - _GRACE), _settle)


def return_lines(order: Order) -> None:
    """Put the lines of a cancelled order back into the cart, as far as there is room for them.

    What went back is in `order.returned` then. Where the cart store cannot be reached, the task
    does it later.
    """
    with _left_to_task(order, "returned"):
        _return_lines(order)


def return_due_lines(*, now: datetime) -> int:
    """Put back the lines of cancelled orders that are not back yet; return how many orders.

    An order waits, and errors are raised, as in `settle_orders`.
    """
    due = Order.objects.filter(line_return=LineReturn.DUE, cancelled_at__lt=now - _GRACE)

    def return_if_due(order_id: str) -> bool:
        order = due.filter(pk=order_id).first()
        if order is not None:
            _return_lines(order)
        return order is not None

    return do_each(_RETURN, list_ids(due), return_if_due)


@contextmanager
def _left_to_task(order: Order, what: str) -> Iterator[None]:
    """Log what keeps an order's cart from being changed now, instead of raising it."""
    try:
        yield
    except (CartStoreUnavailable, OperationalError, InterfaceError) as error:
        logger.warning("order %s is not %s yet: %s", order.pk, what, type(error).__name__)


def _settle(order_id: str) -> bool:
    return settle_order(order_id=order_id, context=_describe_change())


def _return_lines(order: Order) -> None:
    """Put the lines back once, and keep in the order what went back.

    What the order bought leaves the cart first, because otherwise the returned units would leave
    with it. The lines go back twice only if Redis is wiped between adding and keeping.
    """
    if not _settle(order.pk):
        raise CartContended
    lines = [OrderedLine(item.sku_id, item.quantity, item.selected) for item in order.items.all()]
    back = return_lines_to_cart(
        order_id=order.pk, owner=order.owner, lines=lines, context=_describe_change()
    )
    keep_returned(order, back)


def _describe_change() -> ChangeContext:
    """Return what the change log is told of changes that orders make to carts."""
    return ChangeContext(source="order", request_id=current_request_id())


def keep_returned(order: Order, lines: Sequence[ReturnedLine]) -> None:
    """Keep in a cancelled order what of it went back into the cart."""
    order.line_return, order.returned = LineReturn.DONE, _describe_returned(lines)
    due = Order.objects.filter(pk=order.pk, line_return=LineReturn.DUE)
    due.update(line_return=order.line_return, returned=order.returned)


def _describe_returned(lines: Sequence[ReturnedLine]) -> dict[str, Any]:
    return {
        "lines": [
            {"skuId": line.sku_id, "quantity": line.quantity} for line in lines if line.quantity
        ],
        "capped": [
            {
                "skuId": line.sku_id,
                "requested": line.requested,
                "quantity": line.quantity,
                "reason": line.reason,
            }
            for line in lines
            if line.reason is not None
        ],
    }
