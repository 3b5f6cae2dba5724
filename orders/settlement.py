"""After the order: the bought units leave the cart, and those of a cancelled order may come back.

Both change the cart, which is another store than the order's, so each is marked in the order once
it is done, is safe to repeat, and is finished by a task where a crash left it undone.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError

from carts.domain import rules
from carts.domain.cart import Addition, CartOwner
from carts.domain.errors import (
    CartContended,
    CartStoreUnavailable,
    CartUnreadable,
    UserInactive,
)
from carts.live.operations import Operation, OperationRepeatedError
from carts.reading import ChangeContext, read_cart
from carts.services import add_lines
from carts.settling import settle_order
from config.http.context import current_request_id
from orders.models import LineReturn, Order, OrderItem
from products.catalogue import read_offers

logger = logging.getLogger(__name__)

# Younger orders are still being settled by the request that placed them.
_GRACE = timedelta(seconds=5)
_BATCH = 500
# What keeps one cart from being changed, and what keeps all of them.
_ONE_CART = (CartContended, CartUnreadable, UserInactive)
_ALL_CARTS = (CartStoreUnavailable, OperationalError, InterfaceError)


def settle(order: Order, *, now: datetime) -> None:
    """Take what the order bought out of the cart, once, and mark the order settled.

    The order stands whatever happens here: what cannot be done now is left to the task.
    """
    try:
        _settle(order, now)
    except (*_ONE_CART, *_ALL_CARTS) as error:
        _report_delay(order, "settled", error)


def settle_orders(*, now: datetime) -> int:
    """Settle the orders a crash left unsettled; return how many.

    An order whose cart cannot be changed now, such as a deactivated user's, waits for the next run.
    Raises CartStoreUnavailable, OperationalError.
    """
    unsettled = Order.objects.filter(settled_at=None, created_at__lt=now - _GRACE)
    settled = 0
    for order in unsettled.order_by("created_at")[:_BATCH]:
        try:
            _settle(order, now)
            settled += 1
        except _ONE_CART as error:
            _report_delay(order, "settled", error)
    return settled


def describe_settlement() -> ChangeContext:
    """Return what the change log is told of changes that orders make to carts."""
    return ChangeContext(source="order", request_id=current_request_id())


def return_lines(order: Order) -> None:
    """Put the lines of a cancelled order back into the cart, as many units as can be bought now.

    Where the cart store cannot be reached, the task does it later.
    """
    try:
        _return_lines(order)
    except (*_ONE_CART, *_ALL_CARTS) as error:
        _report_delay(order, "returned", error)


def return_due_lines(*, now: datetime) -> int:
    """Put back the lines of cancelled orders where that was left undone; return how many orders.

    Waits and raises as `settle_orders`.
    """
    due = Order.objects.filter(line_return=LineReturn.DUE, cancelled_at__lt=now - _GRACE)
    returned = 0
    for order in due.order_by("cancelled_at")[:_BATCH]:
        try:
            _return_lines(order)
            returned += 1
        except _ONE_CART as error:
            _report_delay(order, "returned", error)
    return returned


def _report_delay(order: Order, what: str, error: Exception) -> None:
    logger.warning("order %s is not %s yet: %s", order.pk, what, type(error).__name__)


def _settle(order: Order, now: datetime) -> None:
    if settle_order(order_id=order.pk, context=describe_settlement()):
        Order.objects.filter(pk=order.pk, settled_at=None).update(settled_at=now)


def _return_lines(order: Order) -> None:
    """Add the lines once; a Redis wiped between adding and marking is the one way to a second time.

    What the order bought leaves the cart first: else it would take the returned units along.
    """
    owner = order.owner
    if not settle_order(order_id=order.pk, context=describe_settlement()):
        raise CartContended
    additions = _plan_return(owner, list(order.items.all()))
    operation = Operation(
        id=f"return:{order.pk}",
        fingerprint=order.pk,
        ttl_ms=timedelta(hours=settings.IDEMPOTENCY_HOURS) // timedelta(milliseconds=1),
    )
    context = replace(describe_settlement(), operation=operation)
    try:
        if additions:
            add_lines(owner=owner, additions=additions, context=context)
    except OperationRepeatedError:
        logger.info("lines of order %s had been returned", order.pk)
    Order.objects.filter(pk=order.pk).update(line_return=LineReturn.DONE)


def _plan_return(owner: CartOwner, items: Sequence[OrderItem]) -> list[Addition]:
    """Return how many units of each item the cart has room for.

    Units that others buy between this look and the adding make their line stay out altogether.
    """
    in_cart = {line.sku_id: line.quantity for line in read_cart(owner).lines}
    offers = read_offers(sku_ids=[item.sku_id for item in items], buyer=owner.key)
    additions = []
    for item in items:
        offer = offers[item.sku_id]
        highest = rules.highest_quantity(offer, max_units=settings.CART_MAX_UNITS_PER_LINE)
        units = min(item.quantity, highest - in_cart.get(item.sku_id, 0))
        if units > 0 and rules.is_purchasable(offer):
            additions.append(Addition(offer.product_id, units, item.sku_id))
    return additions
