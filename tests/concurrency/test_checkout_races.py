"""Orders at the same time: what one buyer, and what many, cannot get past.

Each race is also run with its guard off, where it must show.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from threading import Barrier
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.utils import timezone

from orders import lifecycle, pending, replies
from orders.models import Order, OrderEvent
from products.catalogue import read_offers
from products.offers import Offer
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy
from tests.products.rows import read_stock, read_tallies
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import (
    HOLD_COPY,
    HOLD_OFFERS,
    HOLD_PENDING,
    TAKE_STOCK,
    Step,
    act_after,
    replace_step,
)

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
BODY = {"contact": CONTACT}


@pytest.fixture(autouse=True)
def _no_limits() -> Iterator[None]:
    with override_settings(
        RATE_LIMIT_ORDERS=0,
        RATE_LIMIT_ORDERS_PER_ADDRESS=0,
        ORDER_MAX_PENDING=0,
        ORDER_MAX_PENDING_UNITS=0,
        ORDER_MAX_PENDING_PER_ADDRESS=0,
        ORDER_MAX_PENDING_UNITS_PER_ADDRESS=0,
        RATE_LIMIT_CART_WRITES=0,
        RATE_LIMIT_CART_WRITES_PER_ADDRESS=0,
    ):
        yield


def submit(shopper: Shopper) -> HttpResponse:
    return shopper.call("POST", "/orders", BODY)


def submit_with_key(shopper: Shopper) -> HttpResponse:
    return shopper.call("POST", "/orders", BODY, idempotency_key="k1")


def submit_together(
    action: Callable[[Shopper], HttpResponse], shoppers: list[Shopper]
) -> list[HttpResponse]:
    outcomes = run_together(action, shoppers, threads=THREADS)
    return [outcome for outcome in outcomes if isinstance(outcome, HttpResponse)]


def count_answers(responses: list[HttpResponse]) -> Counter[str]:
    """Return how often each slug was answered; "" is a success."""
    envelopes = [json.loads(response.content) for response in responses]
    return Counter(envelope.get("error", {}).get("type", "") for envelope in envelopes)


def copies_of(shopper: Shopper, number: int) -> list[Shopper]:
    """Return the same shopper at so many devices."""
    return [Shopper(shopper.owner_id, shopper.headers) for _ in range(number)]


Meet = Callable[[Step, Callable[..., Any]], None]


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch) -> Meet:
    """Replace a guard of a sale by something else and a barrier for all threads."""
    everybody = Barrier(THREADS)

    def replace(guard: Step, substitute: Callable[..., Any]) -> None:
        replace_step(monkeypatch, guard, substitute)
        act_after(monkeypatch, guard, lambda: everybody.wait(PATIENCE_SECONDS))

    return replace


def take_nothing(**_: Any) -> None:
    """Leave it at what was checked before."""


def read_unlocked(*, sku_ids: Any, buyer: str, also: Sequence[str]) -> dict[str, Offer]:
    return read_offers(sku_ids=sku_ids, buyer=buyer)


def test_fifty_buyers_of_ten_units_get_ten() -> None:
    sku = SkuFactory.create(stock=10)
    buyers = [new_guest() for _ in range(50)]
    for buyer in buyers:
        buyer.add(sku)

    answers = count_answers(submit_together(submit, buyers))

    assert answers == {"": 10, "cart_invalid": 40}
    assert (Order.objects.count(), read_stock(sku)) == (10, [0])
    assert sum(read_tallies().values()) == 10
    left = [quantities_of(buyer.cart()) for buyer in buyers]
    assert left.count({}) == 50
    assert sum(len(buyer.cart()["unavailableItems"]) for buyer in buyers) == 40


def test_without_the_locks_more_are_sold_than_there_are(
    meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create(stock=10)
    buyers = [new_guest() for _ in range(THREADS)]
    for buyer in buyers:
        buyer.add(sku)
    meet(HOLD_OFFERS, read_unlocked)
    replace_step(monkeypatch, TAKE_STOCK, take_nothing)

    answers = count_answers(submit_together(submit, buyers))

    assert answers == {"": THREADS}
    assert Order.objects.count() == THREADS > 10


def test_fifty_submits_with_one_key_are_one_order_with_one_answer() -> None:
    sku = SkuFactory.create(stock=100)
    buyer = new_user()
    buyer.add(sku, 2)

    responses = submit_together(submit_with_key, copies_of(buyer, 50))

    answers = count_answers(responses)
    bodies = {response.content for response in responses if response.status_code == 200}
    assert answers.keys() <= {"", "request_in_progress"}
    assert (answers.total(), len(bodies)) == (50, 1)
    replayed = ["Idempotent-Replayed" in r for r in responses if r.status_code == 200]
    assert replayed.count(False) == 1
    assert (Order.objects.count(), read_stock(sku)) == (1, [98])
    assert submit_with_key(buyer).content in bodies


def test_fifty_submits_without_a_key_are_one_order() -> None:
    sku = SkuFactory.create(stock=100)
    buyer = new_user()
    buyer.add(sku, 2)

    answers = count_answers(submit_together(submit, copies_of(buyer, 50)))

    assert answers == {"": 1, "nothing_selected": 49}
    assert (Order.objects.count(), read_stock(sku)) == (1, [98])
    assert buyer.cart()["status"] == "CHECKEDOUT"


@pytest.mark.parametrize("action", [submit, submit_with_key])
def test_without_claims_and_keys_a_cart_is_bought_many_times(
    meet: Meet,
    monkeypatch: pytest.MonkeyPatch,
    action: Callable[[Shopper], HttpResponse],
) -> None:
    sku = SkuFactory.create(stock=100)
    buyer = new_user()
    buyer.add(sku, 2)
    meet(HOLD_COPY, lambda cart: None)
    monkeypatch.setattr(replies, "_try_lock", lambda name: True)

    count_answers(submit_together(action, copies_of(buyer, THREADS)))

    assert Order.objects.count() == THREADS
    assert read_stock(sku) == [100 - 2 * THREADS]


@override_settings(ORDER_MAX_PENDING=3)
def test_orders_at_the_same_time_are_all_counted_among_those_that_wait() -> None:
    buyers = [new_guest() for _ in range(THREADS)]
    for buyer in buyers:
        # Each of another SKU, whose lock makes nobody wait.
        buyer.add(SkuFactory.create(stock=9))

    answers = count_answers(submit_together(submit, buyers))

    assert answers == {"": 3, "too_many_pending_orders": THREADS - 3}
    assert Order.objects.count() == 3


@override_settings(ORDER_MAX_PENDING=3)
def test_without_the_lock_more_orders_wait_than_may(
    meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyers = [new_guest() for _ in range(THREADS)]
    for buyer in buyers:
        buyer.add(SkuFactory.create(stock=9))
    monkeypatch.setattr(pending, "_LOCK", "SELECT %s")
    meet(HOLD_PENDING, HOLD_PENDING.function)

    answers = count_answers(submit_together(submit, buyers))

    assert answers == {"": THREADS}


def test_what_is_added_between_two_orders_is_bought_by_the_second() -> None:
    sku = SkuFactory.create(stock=1_000)
    buyer = new_user()

    def add_and_submit(device: Shopper) -> HttpResponse:
        device.add(sku, 1)
        return submit(device)

    answers = count_answers(submit_together(add_and_submit, copies_of(buyer, 50)))

    in_cart = quantities_of(buyer.cart()).get(sku.id, 0)
    bought = sum(order.item_count for order in Order.objects.all())
    assert answers.keys() <= {"", "nothing_selected", "checkout_contended"}
    assert bought + in_cart == 50
    assert read_stock(sku) == [1_000 - bought]


def test_a_limit_holds_against_orders_at_the_same_time(
    meet: Meet,
) -> None:
    """Not even the claim on the cart is needed: the tally is kept under the SKU's lock."""
    sku = SkuFactory.create(stock=100, purchase_limit=3)
    buyer = new_user()
    buyer.add(sku, 2)
    meet(HOLD_COPY, lambda cart: None)

    answers = count_answers(submit_together(submit, copies_of(buyer, THREADS)))

    assert answers == {"": 1, "cart_invalid": THREADS - 1}
    assert list(read_tallies().values()) == [2]
    assert read_stock(sku) == [98]


def test_without_the_locks_a_limit_is_passed(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    sku = SkuFactory.create(stock=100, purchase_limit=3)
    buyer = new_user()
    buyer.add(sku, 2)
    replace_step(monkeypatch, HOLD_COPY, lambda cart: None)
    meet(HOLD_OFFERS, read_unlocked)
    replace_step(monkeypatch, TAKE_STOCK, take_nothing)

    answers = count_answers(submit_together(submit, copies_of(buyer, THREADS)))

    assert answers == {"": THREADS}


def test_ten_cancels_give_the_stock_back_once() -> None:
    sku = SkuFactory.create(stock=10)
    buyer = new_user()
    order = buy(buyer, sku, 4)

    def cancel(device: Shopper) -> HttpResponse:
        return device.call("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    answers = count_answers(submit_together(cancel, copies_of(buyer, 10)))

    assert answers == {"": 1, "invalid_transition": 9}
    assert (read_stock(sku), list(read_tallies().values())) == ([10], [0])
    assert OrderEvent.objects.filter(to_status="CANCELLED").count() == 1
    assert quantities_of(buyer.cart()) == {sku.id: 4}


def test_without_the_lock_on_the_order_stock_comes_back_many_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sku = SkuFactory.create(stock=100)
    buyers = new_user()
    for _ in range(THREADS):
        other = buy(buyers, sku, 4)
    order_id = other["id"]
    everybody = Barrier(THREADS)

    def read_order(order_id: str, *, buyer: str | None) -> Order:
        order = Order.objects.get(pk=order_id)
        everybody.wait(PATIENCE_SECONDS)
        return order

    monkeypatch.setattr(lifecycle, "lock_order", read_order)
    run_together(
        lambda _: lifecycle.cancel_order(order_id=order_id, actor="x", now=timezone.now()),
        range(THREADS),
        threads=THREADS,
    )

    assert read_stock(sku) == [100]
    assert Order.objects.filter(status="CANCELLED").count() == 1


def test_an_order_is_either_paid_or_cancelled() -> None:
    sku = SkuFactory.create(stock=100)
    buyer = new_user()
    orders = [buy(buyer, sku)["id"] for _ in range(10)]
    changes = [
        (change, order_id)
        for order_id in orders
        for change in (lifecycle.pay_order, lifecycle.cancel_order)
    ]

    run_together(
        lambda pair: pair[0](order_id=pair[1], actor="x", now=timezone.now()),
        changes,
        threads=THREADS,
    )

    statuses = Counter(Order.objects.values_list("status", flat=True))
    assert statuses.keys() <= {"PAID", "CANCELLED"}
    assert statuses.total() == 10
    assert OrderEvent.objects.exclude(from_status="").count() == 10
    assert read_stock(sku) == [100 - statuses["PAID"]]


def test_the_time_out_may_run_many_times_at_once() -> None:
    skus = SkuFactory.create_batch(3, stock=100)
    for number in range(20):
        buyer = new_guest()
        for sku in skus[number % 2 :]:
            buyer.add(sku)
        buyer.data("POST", "/orders", BODY)
    Order.objects.update(expires_at=timezone.now())

    counts = run_together(
        lambda _: lifecycle.cancel_expired_orders(now=timezone.now()), range(8), threads=8
    )

    assert all(isinstance(count, int) for count in counts)
    assert set(Order.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert read_stock(*skus) == [100, 100, 100]
    assert set(read_tallies().values()) == {0}
