"""The process that places an order dies at some step, Redis is wiped or not, the buyer goes on.

Afterwards there is either an order and a cart without the bought units, or no order and the cart
as it was; what the buyer changed meanwhile is kept in both cases.
"""

import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any, NoReturn

import pytest
from django.db import connection
from django.utils import timezone
from redis import Redis

from carts.models import PendingSettlement
from carts.permanent.saving import save_cart
from orders.models import LineReturn, Order
from orders.settlement import return_due_lines, settle_orders
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import Shopper, item_id, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy
from tests.products.rows import read_stock, read_tallies

pytestmark = pytest.mark.django_db(transaction=True)

DIED = 9

# What the process was about to call, or had just called, when it died; and whether it had sold.
ORDER_STEPS: dict[str, bool] = {
    "before carts.operations.purchasing.save_cart": False,
    "after carts.operations.purchasing.save_cart": False,
    "before orders.selling.take": False,
    "after orders.selling.take": False,
    "after orders.selling.schedule_settlement": False,
    "before orders.checkout.settle": True,
    "before carts.live.store.take_lines": True,
    "after carts.live.store.take_lines": True,
    "after carts.operations.settling.save_cart": True,
    "after orders.settlement.settle_order": True,
    "after orders.checkout.settle": True,
}
CANCEL_STEPS: dict[str, bool] = {
    "before orders.lifecycle.give_back": False,
    "after orders.lifecycle.give_back": False,
    "before orders.api.views.return_lines": True,
    "before orders.settlement.return_lines_to_cart": True,
    "after orders.settlement.return_lines_to_cart": True,
    "after orders.api.views.return_lines": True,
}


@pytest.fixture(params=[new_guest, new_user], ids=["guest", "user"])
def buyer(request: pytest.FixtureRequest, db: None) -> Shopper:
    made: Shopper = request.param()
    return made


def die_at(step: str, action: Callable[[], Any]) -> None:
    """Run the action in a process of its own, which dies at the step as if by kill -9."""
    connection.close()
    with warnings.catch_warnings():
        # From 3.12 on Python warns of forking beside threads; this child only talks to the stores.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _act_until(step, action)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == DIED, "the step was not reached"


def _act_until(step: str, action: Callable[[], Any]) -> NoReturn:
    moment, _, path = step.partition(" ")
    place, _, name = path.rpartition(".")
    original = getattr(resolve_name(place), name)

    def die(*args: Any, **kwargs: Any) -> NoReturn:
        if moment == "after":
            original(*args, **kwargs)
        os._exit(DIED)

    try:
        setattr(resolve_name(place), name, die)
        action()
    finally:
        os._exit(0)


def submit(buyer: Shopper, **headers: str) -> Any:
    return buyer.call("POST", "/orders", {"contact": CONTACT}, **headers)


def run_tasks() -> None:
    """Run what the schedule runs some seconds later, twice."""
    for _ in range(2):
        settle_orders(now=timezone.now() + timedelta(seconds=10))
        return_due_lines(now=timezone.now() + timedelta(seconds=10))


@pytest.mark.parametrize("edits", [False, True], ids=["", "edited"])
@pytest.mark.parametrize("wipes", [False, True], ids=["", "wiped"])
@pytest.mark.parametrize(("step", "has_sold"), ORDER_STEPS.items())
def test_an_order_that_dies_is_placed_or_not(
    buyer: Shopper, redis_server: Redis, step: str, has_sold: bool, wipes: bool, edits: bool
) -> None:
    scarce, plenty, unselected = SkuFactory.create_batch(3, stock=20)
    buyer.add(scarce, 3)
    buyer.add(plenty, 2)
    buyer.add(unselected, 1, selected=False)
    save_cart(owner=owner_of(buyer), source="test")
    expected = {scarce.id: 3, plenty.id: 2, unselected.id: 1}

    die_at(step, lambda: submit(buyer))
    if wipes:
        redis_server.flushdb()
    if edits:
        line = item_id(buyer.add(scarce, 1), unselected)
        buyer.data("PUT", f"/cart/item/{line}", {"quantity": 5})
        expected |= {scarce.id: 4, unselected.id: 5}
    run_tasks()

    if has_sold:
        expected = {
            sku_id: units - {scarce.id: 3, plenty.id: 2}.get(sku_id, 0)
            for sku_id, units in expected.items()
        }
    assert quantities_of(buyer.cart()) == {sku: units for sku, units in expected.items() if units}
    assert read_stock(scarce, plenty, unselected) == ([17, 18, 20] if has_sold else [20, 20, 20])
    assert [order.item_count for order in Order.objects.all()] == ([5] if has_sold else [])
    assert sum(read_tallies().values()) == (5 if has_sold else 0)
    assert PendingSettlement.objects.count() == 0


@pytest.mark.parametrize("wipes", [False, True], ids=["", "wiped"])
@pytest.mark.parametrize(("step", "has_sold"), ORDER_STEPS.items())
def test_the_next_submit_after_a_crash_buys_nothing_twice(
    redis_server: Redis, step: str, has_sold: bool, wipes: bool
) -> None:
    sku, buyer = SkuFactory.create(stock=20), new_guest()
    buyer.add(sku, 3)
    save_cart(owner=owner_of(buyer), source="test")

    die_at(step, lambda: submit(buyer))
    if wipes:
        redis_server.flushdb()
    response = submit(buyer)
    run_tasks()

    assert response.status_code == (400 if has_sold else 200)
    assert (Order.objects.count(), read_stock(sku)) == (1, [17])
    assert buyer.cart()["items"] == []
    assert quantities_of(buyer.add(sku, 2)) == {sku.id: 2}


@pytest.mark.parametrize(("step", "has_sold"), ORDER_STEPS.items())
def test_a_repeat_with_the_key_of_a_crashed_order_gets_its_answer(
    step: str, has_sold: bool
) -> None:
    sku, buyer = SkuFactory.create(stock=20), new_user()
    buyer.add(sku, 3)

    die_at(step, lambda: submit(buyer, idempotency_key="k1"))
    response = submit(buyer, idempotency_key="k1")
    run_tasks()

    assert response.status_code == 200
    assert ("Idempotent-Replayed" in response) is has_sold
    assert (Order.objects.count(), read_stock(sku)) == (1, [17])
    assert buyer.cart()["items"] == []


@pytest.mark.parametrize("wipes", [False, True], ids=["", "wiped"])
@pytest.mark.parametrize(("step", "has_sold"), ORDER_STEPS.items())
def test_what_a_guest_bought_does_not_come_along_into_the_users_cart(
    redis_server: Redis, step: str, has_sold: bool, wipes: bool
) -> None:
    bought, kept = SkuFactory.create_batch(2, stock=20)
    guest, user = new_guest(), new_user()
    guest.add(bought, 3)
    guest.add(kept, 1, selected=False)
    save_cart(owner=owner_of(guest), source="test")

    die_at(step, lambda: submit(guest))
    if wipes:
        redis_server.flushdb()
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
    run_tasks()

    units = {kept.id: 1} if has_sold else {bought.id: 3, kept.id: 1}
    assert quantities_of(user.cart()) == units
    assert quantities_of(guest.cart()) == {}
    assert (Order.objects.count(), read_stock(bought)) == ((1, [17]) if has_sold else (0, [20]))


@pytest.mark.parametrize("edits", [False, True], ids=["", "edited"])
@pytest.mark.parametrize(("step", "is_cancelled"), CANCEL_STEPS.items())
def test_a_cancellation_that_dies_gives_everything_back_once_or_nothing(
    buyer: Shopper, step: str, is_cancelled: bool, edits: bool
) -> None:
    sku = SkuFactory.create(stock=20)
    order = buy(buyer, sku, 3)
    path = f"/orders/{order['id']}/cancel?restoreCart=true"

    die_at(step, lambda: buyer.call("POST", path))
    if edits:
        buyer.add(sku, 1)
    run_tasks()

    status = "CANCELLED" if is_cancelled else "PENDING"
    assert buyer.data("GET", f"/orders/{order['id']}")["status"] == status
    assert read_stock(sku) == [20 if is_cancelled else 17]
    assert list(read_tallies().values()) == [0 if is_cancelled else 3]
    in_cart = (3 if is_cancelled else 0) + (1 if edits else 0)
    assert quantities_of(buyer.cart()).get(sku.id, 0) == in_cart
    kept = Order.objects.get()
    assert kept.line_return == (LineReturn.DONE if is_cancelled else "")
    back = {"lines": [{"skuId": sku.id, "quantity": 3}], "capped": []}
    assert kept.returned == (back if is_cancelled else None)


@pytest.mark.parametrize("has_lines", [False, True], ids=["", "lines"])
@pytest.mark.parametrize(
    "step",
    [
        "before orders.claiming.hand_over",
        "after orders.claiming.hand_over",
        "after orders.claiming._give_replies",
    ],
)
def test_a_merge_that_dies_while_claiming_orders_is_finished_by_the_next(
    step: str, has_lines: bool
) -> None:
    sku, guest, user = SkuFactory.create(stock=20), new_guest(), new_user()
    order_id = buy(guest, sku, 3)["id"]
    if has_lines:
        guest.add(sku, 2)
    body = {"guestSessionId": guest.owner_id}

    die_at(step, lambda: user.call("POST", "/cart/merge", body))
    reached = guest.call("GET", f"/orders/{order_id}").status_code
    user.data("POST", "/cart/merge", body)

    assert reached == 200
    assert Order.objects.get().buyer == f"user:{user.owner_id}"
    assert sorted(read_tallies().values()) == [0, 3]
    assert quantities_of(user.cart()) == ({sku.id: 2} if has_lines else {})
    assert guest.call("GET", f"/orders/{order_id}").status_code == 404


def test_lines_of_an_order_which_is_not_settled_come_back_once() -> None:
    # No room for the units that come back beside those that were bought and are still there.
    sku, buyer = SkuFactory.create(stock=4), new_user()
    buyer.add(sku, 3)
    die_at("before orders.checkout.settle", lambda: submit(buyer))
    order = Order.objects.get()

    buyer.data("POST", f"/orders/{order.pk}/cancel?restoreCart=true")
    run_tasks()

    assert quantities_of(buyer.cart()) == {sku.id: 3}
    assert read_stock(sku) == [4]
