"""After the order: what leaves the cart, and when."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from redis import Redis

from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.keys import cart_key
from carts.models import PendingSettlement
from orders.models import Order
from orders.settlement import return_due_lines, settle_orders
from orders.tasks import settle
from tests.carts.shopper import Shopper, new_guest, quantities_of
from tests.config.admin.figures import grows
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.steps import SETTLE_ORDER, act_before, replace_step

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=10)


@contextmanager
def dying_after_the_order(
    failure: type[Exception] = CartStoreUnavailable,
) -> Iterator[None]:
    """Let orders be placed whose units nobody takes out of the cart."""

    def die() -> None:
        raise failure

    with pytest.MonkeyPatch.context() as patch:
        act_before(patch, SETTLE_ORDER, die)
        yield


def unsettled() -> list[str]:
    return list(PendingSettlement.objects.values_list("pk", flat=True))


def test_an_order_is_settled_before_it_is_answered(shopper: Shopper) -> None:
    buy(shopper, SkuFactory.create())

    assert unsettled() == []


@pytest.mark.parametrize("failure", [CartStoreUnavailable, OperationalError])
def test_an_order_stands_when_the_cart_cannot_be_reached_any_more(
    shopper: Shopper, failure: type[Exception]
) -> None:
    with dying_after_the_order(failure):
        order = buy(shopper, SkuFactory.create(), 2)
    meanwhile = unsettled()
    settled = settle_orders(now=timezone.now() + LATER)

    assert (order["status"], meanwhile) == ("PENDING", [order["id"]])
    assert (settled, unsettled()) == (1, [])
    assert quantities_of(shopper.cart()) == {}


def test_the_task_leaves_orders_that_are_being_placed_alone(user: Shopper) -> None:
    with dying_after_the_order():
        order = buy(user, SkuFactory.create())

    settle()

    assert unsettled() == [order["id"]]
    assert settle_orders(now=timezone.now() + LATER) == 1
    assert settle_orders(now=timezone.now() + LATER) == 0


@pytest.mark.parametrize("is_marked", [False, True], ids=["unmarked", "marked"])
@pytest.mark.parametrize("has_note", [True, False], ids=["noted", "not noted"])
def test_an_order_of_the_release_before_is_settled_by_its_note_alone(
    user: Shopper, has_note: bool, is_marked: bool
) -> None:
    with dying_after_the_order() if has_note else nullcontext():
        buy(user, SkuFactory.create())
    with connection.cursor() as cursor:
        # As that release writes it, and looks for it.
        cursor.execute(
            "UPDATE orders_order SET settled_at = %s WHERE settled_at IS NULL",
            [timezone.now() if is_marked else None],
        )

    settled = settle_orders(now=timezone.now() + LATER)

    assert (settled, unsettled()) == (has_note, [])
    assert quantities_of(user.cart()) == {}


def test_a_cart_that_cannot_be_changed_does_not_hold_up_the_others(
    user: Shopper, guest: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    with dying_after_the_order():
        of_user, _ = [buy(shopper, sku)["id"] for shopper in (user, guest)]
    redis_server.set(cart_key(CartOwner.for_user(user.owner_id)), "not a cart")

    settled = settle_orders(now=timezone.now() + LATER)

    assert (settled, unsettled()) == (1, [of_user])


def test_an_order_that_cannot_be_settled_does_not_hold_up_the_others(
    user: Shopper, guest: Shopper
) -> None:
    sku = SkuFactory.create()
    with dying_after_the_order():
        of_user, _ = [buy(shopper, sku)["id"] for shopper in (user, guest)]
    # As nothing of ours would write it.
    PendingSettlement.objects.filter(pk=of_user).update(owner="nobody", units=[])

    with grows("cart_job_failures_total", job="settle_orders", by=1):
        settled = settle_orders(now=timezone.now() + LATER)

    assert (settled, unsettled()) == (1, [of_user])


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
    with dying_after_the_order():
        for shopper in (user, guest):
            buy(shopper, sku)
    tried = []

    def fail(*, order_id: str, context: object) -> bool:
        tried.append(order_id)
        raise CartStoreUnavailable

    replace_step(monkeypatch, SETTLE_ORDER, fail)

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
        replace_step(patch, SETTLE_ORDER, lambda **_: False)
        answer = user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")
        meanwhile = quantities_of(user.cart())
    return_due_lines(now=timezone.now() + LATER)

    assert (answer["status"], meanwhile) == ("CANCELLED", {})
    assert quantities_of(user.cart()) == {sku.id: 2}
