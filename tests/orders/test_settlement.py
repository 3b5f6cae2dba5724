"""After the order: what leaves the cart, and when."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from redis import Redis

from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.keys import cart_key
from carts.models import PendingSettlement
from orders import settlement
from orders.models import Order
from orders.settlement import return_due_lines, settle_orders
from orders.tasks import settle
from tests.carts.shopper import Shopper, new_guest, quantities_of
from tests.config.admin.figures import grows
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=10)


def test_an_order_is_settled_before_it_is_answered(shopper: Shopper) -> None:
    buy(shopper, SkuFactory.create())

    assert Order.objects.get().settled_at is not None
    assert PendingSettlement.objects.count() == 0


@pytest.mark.parametrize("failure", [CartStoreUnavailable, OperationalError])
def test_an_order_stands_when_the_cart_cannot_be_reached_any_more(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)

    with monkeypatch.context() as patch:
        patch.setattr(settlement, "settle_order", lambda **_: (_ for _ in ()).throw(failure))
        order = place_order(shopper)
    unsettled = Order.objects.get().settled_at
    settle_orders(now=timezone.now() + LATER)

    assert (order["status"], unsettled) == ("PENDING", None)
    assert Order.objects.get().settled_at is not None
    assert quantities_of(shopper.cart()) == {}


def test_the_task_leaves_orders_that_are_being_placed_alone(user: Shopper) -> None:
    buy(user, SkuFactory.create())
    Order.objects.update(settled_at=None)

    settle()

    assert Order.objects.get().settled_at is None
    assert settle_orders(now=timezone.now() + LATER) == 1
    assert settle_orders(now=timezone.now() + LATER) == 0


def test_a_cart_that_cannot_be_changed_does_not_hold_up_the_others(
    user: Shopper, guest: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    for shopper in (user, guest):
        buy(shopper, sku)
    of_user, of_guest = Order.objects.order_by("created_at")
    Order.objects.update(settled_at=None)
    PendingSettlement.objects.create(
        order_id=of_user.pk, owner=of_user.buyer, cart_id=of_user.cart_id, units={sku.id: 1}
    )
    redis_server.set(cart_key(CartOwner.for_user(user.owner_id)), "not a cart")

    settled = settle_orders(now=timezone.now() + LATER)

    of_user.refresh_from_db()
    of_guest.refresh_from_db()
    assert settled == 1
    assert of_user.settled_at is None
    assert of_guest.settled_at is not None


def test_an_order_that_cannot_be_settled_does_not_hold_up_the_others(
    user: Shopper, guest: Shopper
) -> None:
    sku = SkuFactory.create()
    for shopper in (user, guest):
        buy(shopper, sku)
        shopper.add(sku)
    of_user, of_guest = Order.objects.order_by("created_at")
    Order.objects.update(settled_at=None)
    # As nothing of ours would write it.
    PendingSettlement.objects.create(
        order_id=of_user.pk, owner="nobody", cart_id=of_user.cart_id, units=[]
    )

    with grows("cart_job_failures_total", job="settle_orders", by=1):
        settled = settle_orders(now=timezone.now() + LATER)

    assert settled == 1
    assert Order.objects.get(settled_at=None) == of_user
    assert Order.objects.exclude(settled_at=None).get() == of_guest


def test_lines_that_cannot_return_do_not_hold_up_the_others() -> None:
    sku, buyers = SkuFactory.create(), [new_guest() for _ in range(3)]
    orders = [buy(buyer, sku)["id"] for buyer in buyers]
    for buyer, order_id in zip(buyers, orders, strict=True):
        buyer.data("POST", f"/orders/{order_id}/cancel")
    Order.objects.update(line_return="DUE")
    PendingSettlement.objects.create(order_id=orders[0], owner="nobody", cart_id="c", units=[])

    with grows("cart_job_failures_total", job="return_lines", by=1):
        returned = return_due_lines(now=timezone.now() + LATER)

    assert returned == 2
    assert [quantities_of(buyer.cart()) for buyer in buyers] == [{}, {sku.id: 1}, {sku.id: 1}]


def test_nothing_is_tried_further_while_the_store_is_down(
    user: Shopper, guest: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    for shopper in (user, guest):
        buy(shopper, sku)
    Order.objects.update(settled_at=None)
    tried = []

    def fail(*, order_id: str, context: object) -> bool:
        tried.append(order_id)
        raise CartStoreUnavailable

    monkeypatch.setattr(settlement, "settle_order", fail)

    with pytest.raises(CartStoreUnavailable):
        settle_orders(now=timezone.now() + LATER)

    assert len(tried) == 1


def test_lines_return_when_the_cart_can_be_changed_again(
    user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    order = buy(user, sku, 2)

    with monkeypatch.context() as patch:
        # As while the cart is being merged into another.
        patch.setattr(settlement, "settle_order", lambda **_: False)
        answer = user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")
        meanwhile = quantities_of(user.cart())
    return_due_lines(now=timezone.now() + LATER)

    assert (answer["status"], meanwhile) == ("CANCELLED", {})
    assert quantities_of(user.cart()) == {sku.id: 2}
