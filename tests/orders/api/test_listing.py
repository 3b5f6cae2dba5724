"""GET /api/orders and /api/orders/{id}."""

from typing import Any

import pytest
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from tests.accounts.api.test_login import without_redis
from tests.carts.shopper import Shopper, new_guest, new_user, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order

pytestmark = pytest.mark.django_db

NOT_FOUND = (404, "order_not_found", "Order not found")


def test_orders_are_listed_newest_first_in_pages(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    orders = [buy(shopper, sku, quantity) for quantity in (1, 2, 3)]

    first = shopper.data("GET", "/orders?pageSize=2")
    second = shopper.data("GET", "/orders?page=2&pageSize=2")

    assert first == {"items": [orders[2], orders[1]], "total": 3, "page": 1, "pageSize": 2}
    assert second == {"items": [orders[0]], "total": 3, "page": 2, "pageSize": 2}


def test_a_buyer_without_orders_has_an_empty_list(shopper: Shopper) -> None:
    assert shopper.data("GET", "/orders") == {"items": [], "total": 0, "page": 1, "pageSize": 20}


def test_orders_are_listed_by_status(user: Shopper) -> None:
    sku = SkuFactory.create()
    pending, cancelled = buy(user, sku), buy(user, sku)
    user.data("POST", f"/orders/{cancelled['id']}/cancel")

    def listed(status: str) -> list[Any]:
        return [order["id"] for order in user.data("GET", f"/orders?status={status}")["items"]]

    assert listed("PENDING") == [pending["id"]]
    assert listed("CANCELLED") == [cancelled["id"]]
    assert listed("PAID") == []
    assert listed("") == [cancelled["id"], pending["id"]]


@pytest.mark.parametrize(
    "query", ["status=pending", "status=x", "page=0", "pageSize=101", "page=a"]
)
def test_a_malformed_query_is_refused(user: Shopper, query: str) -> None:
    refusal = user.refusal("GET", f"/orders?{query}")

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_field")


def test_a_list_takes_the_same_queries_for_any_number_of_orders(
    user: Shopper, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    skus = SkuFactory.create_batch(3)
    for _ in range(3):
        for sku in skus:
            user.add(sku)
        place_order(user)

    for size in (1, 3):
        # Who asks, the orders, their items, and how many there are.
        with django_assert_num_queries(4):
            assert len(user.data("GET", f"/orders?pageSize={size}")["items"]) == size


def test_somebody_elses_order_is_not_found(shopper: Shopper) -> None:
    order = buy(shopper, SkuFactory.create())

    for somebody in (new_guest(), new_user()):
        for method, path in [("GET", ""), ("POST", "/cancel")]:
            refusal = somebody.refusal(method, f"/orders/{order['id']}{path}")
            assert summary_of(refusal) == NOT_FOUND
        assert somebody.data("GET", "/orders")["total"] == 0
    assert shopper.data("GET", f"/orders/{order['id']}") == order


@pytest.mark.parametrize(
    "order_id", ["x", "../orders", "%00", "user:1", "%0d%0a", "%F0%9F%9B%92", "x" * 5_000]
)
def test_an_order_that_cannot_be_is_not_found(user: Shopper, order_id: str) -> None:
    for method, path in [("GET", ""), ("POST", "/cancel")]:
        assert user.refusal(method, f"/orders/{order_id}{path}")["code"] == 404


def test_a_deactivated_user_sees_no_orders(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())
    User.objects.filter(pk=user.owner_id).update(is_active=False)

    one = f"/orders/{order['id']}"
    for method, path in [("GET", "/orders"), ("GET", one), ("POST", f"{one}/cancel")]:
        refusal = user.refusal(method, path)
        assert (refusal["code"], refusal["error"]["type"]) == (401, "token_not_valid")


def test_answers_are_kept_by_no_cache(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())

    for path in ("", f"/{order['id']}", "/unknown"):
        response = user.call("GET", f"/orders{path}")
        assert response["Cache-Control"] == "no-store"
        assert "Authorization, X-Guest-ID" in response["Vary"]


@override_settings(RATE_LIMIT_ORDER_READS_PER_ADDRESS=4)
def test_guests_ids_cannot_be_tried_in_bulk_from_one_address(user: Shopper) -> None:
    for _ in range(2):
        new_guest().data("GET", "/orders")
        new_guest().refusal("GET", "/orders/x")

    listed, shown = new_guest().refusal("GET", "/orders"), new_guest().refusal("GET", "/orders/x")

    assert summary_of(listed) == summary_of(shown) == (429, "rate_limited", "Too many requests")
    assert 1 <= listed["error"]["retryAfterSeconds"] <= 60
    assert user.data("GET", "/orders")["total"] == 0


@override_settings(RATE_LIMIT_ORDER_READS_PER_ADDRESS=1)
def test_orders_are_shown_while_nothing_can_be_counted(guest: Shopper) -> None:
    order = buy(guest, SkuFactory.create())

    with without_redis("default"):
        shown = [guest.data("GET", f"/orders/{order['id']}") for _ in range(2)]

    assert shown == [order, order]
