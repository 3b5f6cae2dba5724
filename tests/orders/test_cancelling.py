"""POST /api/orders/{id}/cancel, and the time-out of unpaid orders."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from redis import Redis

from orders import listing
from orders.lifecycle import cancel_expired_orders, pay_order
from orders.models import LineReturn, Order, OrderEvent
from orders.settlement import return_due_lines
from orders.tasks import cancel_unpaid
from products.models import Product, PurchaseTally, Sku
from tests.carts.shopper import Shopper, item_id, new_guest, quantities_of, summary_of
from tests.config.admin.figures import grows
from tests.factories import SkuFactory
from tests.orders.buying import buy, buyer_of, nothing_sold, place_order
from tests.products.rows import read_stock, read_tallies

pytestmark = pytest.mark.django_db


def test_a_cancelled_order_gives_stock_and_allowance_back(shopper: Shopper) -> None:
    limited, other = SkuFactory.create(stock=5, purchase_limit=3), SkuFactory.create(stock=9)
    shopper.add(limited, 3)
    shopper.add(other, 4)
    order = place_order(shopper)

    cancelled = shopper.data("POST", f"/orders/{order['id']}/cancel")

    assert cancelled == order | {
        "status": "CANCELLED",
        "cancelledAt": cancelled["cancelledAt"],
    }
    assert parse_datetime(cancelled["cancelledAt"]) is not None
    assert read_stock(limited, other) == [5, 9]
    assert read_tallies() == {(sku.id, buyer_of(shopper)): 0 for sku in (limited, other)}
    assert shopper.cart()["items"] == []
    assert shopper.data("GET", f"/orders/{order['id']}") == cancelled


def test_the_allowance_can_be_used_again(user: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=2)
    order = buy(user, sku, 2)
    user.data("POST", f"/orders/{order['id']}/cancel")

    assert buy(user, sku, 2)["status"] == "PENDING"


def test_an_order_is_cancelled_once(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    order = buy(shopper, sku, 2)
    shopper.data("POST", f"/orders/{order['id']}/cancel")

    with nothing_sold(shopper):
        refusal = shopper.refusal("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    assert summary_of(refusal) == (
        409,
        "invalid_transition",
        "The order is cancelled already",
    )
    assert refusal["error"]["status"] == "CANCELLED"
    assert read_stock(sku) == [5]


def test_a_paid_order_is_not_cancelled(user: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    order = buy(user, sku, 2)
    pay_order(order_id=order["id"], actor="staff:x", now=timezone.now())

    with nothing_sold(user):
        refusal = user.refusal("POST", f"/orders/{order['id']}/cancel")

    assert summary_of(refusal) == (
        409,
        "invalid_transition",
        "An order that is paid cannot become cancelled",
    )
    assert read_stock(sku) == [3]


def test_who_cancelled_is_logged(user: Shopper, guest: Shopper) -> None:
    sku = SkuFactory.create()
    for shopper, actor in [(user, f"user:{user.owner_id}"), (guest, "guest")]:
        order = buy(shopper, sku)
        shopper.data("POST", f"/orders/{order['id']}/cancel")

        events = OrderEvent.objects.filter(order=order["id"])
        assert [(e.from_status, e.to_status, e.actor) for e in events] == [
            ("", "PENDING", actor),
            ("PENDING", "CANCELLED", actor),
        ]


def test_the_lines_can_be_put_back_into_the_cart(shopper: Shopper) -> None:
    bought, kept = SkuFactory.create(stock=5), SkuFactory.create()
    shopper.add(bought, 2)
    shopper.add(kept, selected=False)
    order = place_order(shopper)
    shopper.add(bought)

    cancelled = shopper.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    assert quantities_of(shopper.cart()) == {kept.id: 1, bought.id: 3}
    assert read_stock(bought) == [5]
    assert Order.objects.get().line_return == LineReturn.DONE
    assert order["returned"] is None
    assert cancelled["returned"] == {
        "lines": [{"skuId": bought.id, "quantity": 2}],
        "capped": [],
    }
    assert shopper.data("GET", f"/orders/{order['id']}") == cancelled


def test_what_cannot_be_bought_now_comes_back_as_unavailable_or_is_named(user: Shopper) -> None:
    plenty, scarce, gone = SkuFactory.create_batch(3, stock=5)
    for sku in (plenty, scarce, gone):
        user.add(sku, 4)
    order = place_order(user)
    user.add(plenty, 1)
    Sku.objects.filter(pk=scarce.pk).update(stock=0, purchase_limit=3)
    Product.objects.filter(pk=gone.product_id).update(status=0)

    cancelled = user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    cart = user.cart()
    assert quantities_of(cart) == {plenty.id: 5, scarce.id: 3}
    assert [(line["skuId"], line["quantity"]) for line in cart["unavailableItems"]] == [
        (gone.id, 4)
    ]
    assert cancelled["returned"] == {
        "lines": [
            {"skuId": sku.id, "quantity": units}
            for sku, units in [(plenty, 4), (scarce, 3), (gone, 4)]
        ],
        "capped": [
            {
                "skuId": scarce.id,
                "requested": 4,
                "quantity": 3,
                "reason": "purchase_limit_exceeded",
            }
        ],
    }


def test_lines_come_back_selected_or_not_as_they_were(user: Shopper) -> None:
    unselected, selected, again = SkuFactory.create_batch(3)
    user.add(unselected, 2, selected=False)
    user.add(selected, 1)
    cart = user.add(again, 1)
    ids = [item_id(cart, sku) for sku in (unselected, selected, again)]
    order = place_order(user, {"itemIds": ids})
    user.add(again, 1, selected=False)

    user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    lines = {line["skuId"]: (line["quantity"], line["selected"]) for line in user.cart()["items"]}
    assert lines == {unselected.id: (2, False), selected.id: (1, True), again.id: (2, False)}


@override_settings(CART_MAX_LINES=2)
def test_a_line_without_a_place_in_a_full_cart_is_named(user: Shopper) -> None:
    first, second, later = SkuFactory.create_batch(3)
    user.add(first, 1)
    user.add(second, 2)
    order = place_order(user)
    user.add(later, 1)

    cancelled = user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    assert quantities_of(user.cart()) == {later.id: 1, first.id: 1}
    assert cancelled["returned"] == {
        "lines": [{"skuId": first.id, "quantity": 1}],
        "capped": [{"skuId": second.id, "requested": 2, "quantity": 0, "reason": "cart_full"}],
    }


def test_a_line_above_what_can_be_bought_is_not_lowered_by_a_return(user: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    order = buy(user, sku, 2)
    user.add(sku, 5)
    Sku.objects.filter(pk=sku.pk).update(stock=1)

    cancelled = user.data("POST", f"/orders/{order['id']}/cancel?restoreCart=true")

    assert quantities_of(user.cart()) == {sku.id: 5}
    assert cancelled["returned"] == {
        "lines": [],
        "capped": [
            {"skuId": sku.id, "requested": 2, "quantity": 0, "reason": "insufficient_stock"}
        ],
    }


def test_lines_due_are_put_back_by_the_task_once(user: Shopper) -> None:
    sku = SkuFactory.create()
    order = buy(user, sku, 2)
    user.data("POST", f"/orders/{order['id']}/cancel")
    Order.objects.update(line_return=LineReturn.DUE)
    later = timezone.now() + timedelta(seconds=10)

    assert return_due_lines(now=later) == 1
    Order.objects.update(line_return=LineReturn.DUE)
    assert return_due_lines(now=later) == 1
    assert return_due_lines(now=later) == 0

    assert quantities_of(user.cart()) == {sku.id: 2}
    assert user.data("GET", f"/orders/{order['id']}")["returned"] == {
        "lines": [{"skuId": sku.id, "quantity": 2}],
        "capped": [],
    }


@pytest.mark.parametrize("value", ["", "1", "yes", "TRUE"])
def test_restore_cart_is_true_or_false(user: Shopper, value: str) -> None:
    order = buy(user, SkuFactory.create())

    refusal = user.refusal("POST", f"/orders/{order['id']}/cancel?restoreCart={value}")

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_field")
    assert Order.objects.get().status == "PENDING"


@override_settings(RATE_LIMIT_ORDERS=2)
def test_cancelling_counts_against_the_limit_of_orders(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())
    user.data("POST", f"/orders/{order['id']}/cancel")

    refusal = user.refusal("POST", f"/orders/{order['id']}/cancel")

    assert refusal["code"] == 429


def test_unpaid_orders_are_cancelled_when_their_time_is_up(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    due, paid, young = (buy(shopper, sku, quantity) for quantity in (1, 2, 3))
    now = timezone.now()
    pay_order(order_id=paid["id"], actor="staff:x", now=now)
    Order.objects.exclude(pk=young["id"]).update(expires_at=now)

    cancelled = cancel_expired_orders(now=now), cancel_expired_orders(now=now)

    assert cancelled == (1, 0)
    status = dict(Order.objects.values_list("pk", "status"))
    assert [status[order["id"]] for order in (due, paid, young)] == ["CANCELLED", "PAID", "PENDING"]
    assert read_stock(sku) == [4]
    assert OrderEvent.objects.get(to_status="CANCELLED").actor == "system"


@override_settings(ORDER_PAYMENT_MINUTES=45)
def test_the_time_to_pay_is_a_setting(user: Shopper) -> None:
    buy(user, SkuFactory.create())
    placed = Order.objects.get()

    cancel_expired_orders(now=placed.created_at + timedelta(minutes=44, seconds=59))
    placed.refresh_from_db()
    assert placed.status == "PENDING"

    cancel_expired_orders(now=placed.created_at + timedelta(minutes=45))
    placed.refresh_from_db()
    assert placed.status == "CANCELLED"


def test_the_task_cancels_more_orders_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_BATCH", 2)
    sku = SkuFactory.create(stock=5)
    for _ in range(5):
        buy(new_guest(), sku)
    Order.objects.update(expires_at=timezone.now())

    cancel_unpaid()

    assert read_stock(sku) == [5]
    assert set(Order.objects.values_list("status", flat=True)) == {"CANCELLED"}


def break_tally(order: Order) -> None:
    """Have the tally lack what the order took."""
    PurchaseTally.objects.filter(buyer=order.buyer).update(units=0)


def break_stock(order: Order) -> None:
    """Have the stock become more than its column holds when the order gives back."""
    most = 2**31 - 1
    PurchaseTally.objects.filter(buyer=order.buyer).update(units=most)
    order.items.update(quantity=most)


@pytest.mark.parametrize("break_order", [break_tally, break_stock])
def test_orders_that_cannot_be_cancelled_do_not_hold_up_the_others(
    break_order: Callable[[Order], None], caplog: pytest.LogCaptureFixture
) -> None:
    sku = SkuFactory.create(stock=9)
    broken, *others = (buy(new_guest(), sku)["id"] for _ in range(4))
    Order.objects.update(expires_at=timezone.now())
    break_order(Order.objects.get(pk=broken))

    with grows("cart_job_failures_total", job="cancel_unpaid_orders", by=1):
        assert cancel_expired_orders(now=timezone.now()) == 3
        assert cancel_expired_orders(now=timezone.now()) == 0

    assert Order.objects.get(status="PENDING").pk == broken
    assert set(Order.objects.filter(status="CANCELLED").values_list("pk", flat=True)) == {*others}
    failure = f"cancel_unpaid_orders: {broken} failed and is set aside"
    assert caplog.text.count(failure) == 1
    assert Order.objects.get(pk=broken).buyer not in caplog.text


def test_an_order_set_apart_is_tried_again_when_its_pause_is_over(
    redis_server: Redis,
) -> None:
    order = buy(new_guest(), sku := SkuFactory.create(stock=9))
    Order.objects.update(expires_at=timezone.now())
    break_tally(Order.objects.get())
    cancel_expired_orders(now=timezone.now())
    PurchaseTally.objects.update(units=1)

    within = cancel_expired_orders(now=timezone.now())
    redis_server.zadd("cart:apart:cancel_unpaid_orders", {order["id"]: time.time() * 1_000 - 1})
    after = cancel_expired_orders(now=timezone.now())

    assert (within, after, read_stock(sku)) == (0, 1, [9])
