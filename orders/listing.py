"""Finding a buyer's orders: their own, and no others."""

from carts.domain.cart import CartOwner, is_id
from orders.errors import OrderNotFound
from orders.models import Order, OrderStatus


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
