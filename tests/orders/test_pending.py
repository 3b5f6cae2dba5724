"""How much may wait for payment, and of whom; and limits that know a guest by the contact."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from orders.lifecycle import cancel_expired_orders, pay_order
from orders.models import Order
from products.models import Sku
from tests.carts.shopper import Shopper, new_guest, new_user, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import buy, nothing_sold, place_order, refuse_order
from tests.products.rows import read_contact_tallies, read_stock, read_tallies

pytestmark = pytest.mark.django_db


def order_as(contact: Any, sku: Sku, quantity: int = 1, *, guest: Shopper | None = None) -> Any:
    """Order as a guest who gives this contact, and return the answer's envelope."""
    guest = guest or new_guest()
    guest.add(sku, quantity)
    return guest.call("POST", "/orders", {"contact": contact}).json()


def outcome_of(envelope: Any) -> str:
    return envelope.get("error", {}).get("type", "")


SAME_CONTACT: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"phone": "13800138000"}, {"phone": "+86 138 0013 8000"}),
    ({"phone": "13800138000"}, {"phone": "138-0013-8000 ext. 7"}),
    ({"email": "lin@example.com"}, {"email": "Lin+2@EXAMPLE.com"}),
    ({"email": "lin@example.com", "phone": "13800138000"}, {"phone": "13800138000"}),
]


@override_settings(ORDER_MAX_PENDING=2)
@pytest.mark.parametrize(("first", "then"), SAME_CONTACT)
def test_orders_that_wait_are_limited_by_contact_whatever_the_guest_id(
    first: dict[str, str], then: dict[str, str]
) -> None:
    sku = SkuFactory.create(stock=9)
    for contact in (first, then):
        assert outcome_of(order_as(contact, sku)) == ""
    guest = new_guest()
    guest.add(sku)

    with nothing_sold(guest):
        refusal = refuse_order(guest, {"contact": then})

    assert summary_of(refusal) == (
        409,
        "too_many_pending_orders",
        "Too many orders are waiting for payment",
    )
    assert refusal["error"] | {"type": ""} == {
        "type": "",
        "counted": "orders",
        "limit": 2,
        "pending": 2,
    }
    assert outcome_of(order_as({"phone": "13900139000"}, sku)) == ""


@override_settings(ORDER_MAX_PENDING_UNITS=5)
def test_units_that_wait_are_limited_by_contact() -> None:
    contact, sku = {"email": "lin@example.com"}, SkuFactory.create(stock=99)
    outcomes = [outcome_of(order_as(contact, sku, units)) for units in (6, 3, 3, 2)]

    refused = "too_many_pending_orders"
    assert outcomes == [refused, "", refused, ""]
    assert read_stock(sku) == [94]


def test_a_warehouse_cannot_be_reserved_by_one_contact() -> None:
    skus = SkuFactory.create_batch(3, stock=900)
    guest = new_guest()
    for sku in skus:
        guest.add(sku, 900)

    refusal = refuse_order(guest, {"contact": {"phone": "13800138000"}})

    assert (refusal["code"], refusal["error"]["counted"]) == (409, "units")
    assert read_stock(*skus) == [900] * 3


def pay(order_id: str, buyer: Shopper) -> None:
    pay_order(order_id=order_id, actor="staff:x", now=timezone.now())


def cancel(order_id: str, buyer: Shopper) -> None:
    buyer.data("POST", f"/orders/{order_id}/cancel")


def let_expire(order_id: str, buyer: Shopper) -> None:
    cancel_expired_orders(now=timezone.now() + timedelta(hours=1))


@override_settings(ORDER_MAX_PENDING=1)
@pytest.mark.parametrize("end", [pay, cancel, let_expire])
def test_an_order_that_is_paid_or_cancelled_waits_no_more(
    shopper: Shopper, end: Callable[[str, Shopper], None]
) -> None:
    sku = SkuFactory.create(stock=9)
    order = buy(shopper, sku)
    shopper.add(sku)
    refused = refuse_order(shopper)["error"]["type"]

    end(order["id"], shopper)

    assert refused == "too_many_pending_orders"
    assert place_order(shopper)["status"] == "PENDING"
    marks = Order.objects.get(pk=order["id"]).marks
    assert [mark for mark in marks if not mark.startswith("contact:")] == []


@override_settings(ORDER_MAX_PENDING=1)
def test_a_user_is_limited_by_the_account_and_not_by_what_others_claim() -> None:
    sku, user = SkuFactory.create(stock=9), new_user()
    order_as({"email": "lin@example.com"}, sku)

    assert buy(user, sku)["contact"] == {"email": "lin@example.com"}
    user.add(sku)
    refusal = refuse_order(user, {"contact": {"email": "other@example.com"}})
    assert refusal["error"]["type"] == "too_many_pending_orders"


@override_settings(ORDER_MAX_PENDING_PER_ADDRESS=2, TRUSTED_PROXIES=1)
def test_orders_that_wait_are_limited_by_address() -> None:
    sku = SkuFactory.create(stock=9)

    def order_from(address: str) -> str:
        guest = new_guest()
        guest.headers["X-Forwarded-For"] = address
        contact = {"email": f"{guest.owner_id}@example.com"}
        return outcome_of(order_as(contact, sku, guest=guest))

    of_one = [order_from("198.51.100.7") for _ in range(3)]
    of_a_network = [order_from(f"2001:db8:0:1::{number}") for number in range(3)]

    assert of_one == of_a_network == ["", "", "too_many_pending_orders"]
    assert order_from("198.51.100.8") == ""
    assert "198.51.100.7" not in str(list(Order.objects.values()))


@override_settings(ORDER_MAX_PENDING=1)
def test_a_request_that_waited_too_much_may_be_repeated_with_its_key(guest: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    order = buy(guest, sku)
    guest.add(sku)
    refuse_order(guest, idempotency_key="k1")
    cancel(order["id"], guest)

    assert place_order(guest, idempotency_key="k1")["status"] == "PENDING"


def test_a_purchase_limit_knows_a_guest_by_the_contact() -> None:
    sku, contact = SkuFactory.create(stock=9, purchase_limit=3), {"phone": "13800138000"}
    assert outcome_of(order_as(contact, sku, 2)) == ""

    again = order_as({"phone": "+8613800138000"}, sku, 2)

    assert outcome_of(again) == "cart_invalid"
    assert again["data"]["issues"][0]["codes"] == ["purchase_limit_exceeded"]
    assert outcome_of(order_as(contact, sku, 1)) == ""
    assert outcome_of(order_as({"phone": "13900139000"}, sku, 3)) == ""


def test_an_allowance_comes_back_to_the_contact_once() -> None:
    sku, contact = SkuFactory.create(stock=9, purchase_limit=2), {"phone": "13800138000"}
    guest = new_guest()
    order = order_as(contact, sku, 2, guest=guest)["data"]

    cancel(order["id"], guest)

    assert list(read_tallies().values()) == list(read_contact_tallies().values()) == [0]
    assert outcome_of(order_as(contact, sku, 2)) == ""


def test_a_claimed_order_gives_back_what_counted_against_the_contact() -> None:
    sku, contact = SkuFactory.create(stock=9, purchase_limit=2), {"phone": "13800138000"}
    guest, user = new_guest(), new_user()
    order = order_as(contact, sku, 2, guest=guest)["data"]
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
    before = list(read_contact_tallies().values())

    cancel(order["id"], user)

    assert (before, list(read_contact_tallies().values())) == ([2], [0])
    assert set(read_tallies().values()) == {0}


@override_settings(ORDER_MAX_PENDING=1)
def test_a_claimed_order_that_waits_counts_against_the_user(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    buy(guest, sku)
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
    user.add(sku)

    assert refuse_order(user)["error"]["type"] == "too_many_pending_orders"


def test_an_order_of_the_release_before_is_cancelled_as_ever(guest: Shopper) -> None:
    order = buy(guest, SkuFactory.create(stock=9))
    Order.objects.update(marks=[])

    cancel(order["id"], guest)

    assert list(read_tallies().values()) == [0]
