"""Finding orders: those of one buyer, and those that a job works on."""

from collections.abc import Iterator

from django.db.models import QuerySet

from carts.domain.cart import CartOwner, is_id
from orders.errors import OrderNotFound
from orders.models import Order, OrderStatus

_BATCH = 500


def get_order(*, owner: CartOwner, order_id: str) -> Order:
    """Return the buyer's order; raises OrderNotFound, also for somebody else's."""
    order = Order.objects.filter(buyer=owner.key, pk=order_id).first() if is_id(order_id) else None
    if order is None:
        raise OrderNotFound
    return order


def find_orders(
    *, owner: CartOwner, status: OrderStatus | None, rows: slice
) -> tuple[list[Order], int]:
    """Return some of the buyer's orders, newest first, with their items, and how many there are.

    Three queries.
    """
    orders = Order.objects.filter(buyer=owner.key)
    if status is not None:
        orders = orders.filter(status=status)
    return list(orders.prefetch_related("items")[rows]), orders.count()


def list_ids(orders: QuerySet[Order]) -> Iterator[str]:
    """Yield the ids of orders in order, reading a batch at a time; orders may change meanwhile."""
    last_id = ""
    later = orders.order_by("id").values_list("id", flat=True)
    while batch := list(later.filter(id__gt=last_id)[:_BATCH]):
        yield from batch
        last_id = batch[-1]
