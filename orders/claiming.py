"""A guest who signs in: the orders placed under the guest id become the user's, once."""

from collections.abc import Collection

from django.db.models import F, Func, Sum, Value

from carts.domain.cart import CartOwner
from carts.operations import find_returned
from config.stores.database import in_transaction
from orders.models import LineReturn, Order, OrderItem, OrderStatus, Reply
from orders.settlement import keep_returned
from products.stock import hand_over


def claim_orders(*, guest: CartOwner, user: CartOwner) -> int:
    """Make the guest's orders the user's, and return how many there were.

    The guest id reaches them no more. Their units count against the user's purchase limits, and the
    user gets the answers to repeats of the requests that placed them. What they bought still leaves
    the guest's cart. One query where there are none.

    Raises OperationalError, and CartStoreUnavailable where lines are on their way back into the
    guest's cart; nothing has changed then.
    """
    if not Order.objects.filter(buyer=guest.key).exists():
        return 0
    _keep_returned(guest)
    return _claim(guest, user)


@in_transaction
def _claim(guest: CartOwner, user: CartOwner) -> int:
    # Whoever changes one of these orders does so before this lock, or finds it is the user's.
    locked = Order.objects.select_for_update(no_key=True).filter(buyer=guest.key)
    statuses = dict(locked.order_by("pk").values_list("pk", "status"))
    alive = [pk for pk, status in statuses.items() if status != OrderStatus.CANCELLED]
    if alive:
        hand_over(giver=guest.key, taker=user.key, units=_count_units(alive))
    claimed = Order.objects.filter(pk__in=statuses)
    marks = Func(F("marks"), Value(user.key), function="array_append")
    claimed.update(buyer=user.key, user_id=user.id, marks=marks)
    _give_replies(guest, user)
    return len(statuses)


def _keep_returned(guest: CartOwner) -> None:
    """Note in cancelled orders what is back in the guest's cart, if a crash prevented the note.

    Otherwise the lines would return again, into the user's cart, which knows nothing of the first
    return. They still do if that return is under way just now and takes over 5 seconds.
    """
    for order in Order.objects.filter(buyer=guest.key, line_return=LineReturn.DUE):
        back = find_returned(order_id=order.pk, owner=guest)
        if back is not None:
            keep_returned(order, back)


def _count_units(order_ids: Collection[str]) -> dict[str, int]:
    """Return the units of these orders by SKU."""
    items = OrderItem.objects.filter(order__in=order_ids).order_by().values("sku_id")
    return dict(items.annotate(units=Sum("quantity")).values_list("sku_id", "units"))


def _give_replies(guest: CartOwner, user: CartOwner) -> None:
    """Give the guest's answers to the user; if both have one to a key, the user's own stays."""
    replies = Reply.objects.filter(buyer=guest.key)
    own = Reply.objects.filter(buyer=user.key)
    replies.exclude(key__in=own.values("key")).update(buyer=user.key)
    replies.delete()
