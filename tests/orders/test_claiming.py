"""A merge gives the guest's orders to the user."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from carts.models import PendingSettlement
from orders.models import LineReturn, Order, OrderEvent
from orders.settlement import return_due_lines, settle_orders
from products.models import PurchaseTally
from tests.accounts.calls import log_in
from tests.accounts.factories import UserFactory
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order, refuse_order
from tests.products.rows import read_stock, read_tallies
from tests.steps import leave_unsettled

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=10)


def merge(user: Shopper, guest: Shopper) -> Any:
    return user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})


def test_a_merge_gives_the_guests_orders_to_the_user(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    orders = [buy(guest, sku, 2), buy(guest, sku, 3)]
    guest.data("POST", f"/orders/{orders[0]['id']}/cancel")

    claimed = merge(user, guest)["merge"]["ordersClaimed"]
    again = merge(user, guest)["merge"]["ordersClaimed"]

    assert (claimed, again) == (2, 0)
    assert user.data("GET", "/orders")["total"] == 2
    assert user.data("GET", f"/orders/{orders[1]['id']}") == orders[1]
    assert {order.user_id for order in Order.objects.all()} == {user.owner_id}
    assert set(OrderEvent.objects.values_list("actor", flat=True)) == {"guest"}
    assert read_tallies() == {
        (sku.id, f"guest:{guest.owner_id}"): 0,
        (sku.id, f"user:{user.owner_id}"): 3,
    }


def test_the_guest_id_reaches_orders_no_more_after_a_merge(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    order_id = buy(guest, sku, 2)["id"]
    merge(user, guest)

    looked = guest.refusal("GET", f"/orders/{order_id}")
    cancelled = guest.refusal("POST", f"/orders/{order_id}/cancel")

    expected = (404, "order_not_found", "Order not found")
    assert summary_of(looked) == summary_of(cancelled) == expected
    assert guest.data("GET", "/orders")["total"] == 0
    assert (Order.objects.get().status, read_stock(sku)) == ("PENDING", [7])


def test_signing_in_claims_the_guests_orders(guest: Shopper) -> None:
    order_id = buy(guest, SkuFactory.create())["id"]
    account = UserFactory.create()

    data = log_in(account, x_guest_id=guest.owner_id).json()["data"]

    assert data["merge"]["ordersClaimed"] == 1
    assert Order.objects.get(pk=order_id).user_id == account.pk


def test_what_the_guest_bought_counts_against_the_users_limit(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create(stock=9, purchase_limit=3)
    user.add(sku, 2)
    place_order(user)
    buy(guest, sku, 3)
    user.add(sku, 1)
    guest.add(other := SkuFactory.create())

    merge(user, guest)

    refusal = refuse_order(user)
    [issue] = refusal["data"]["issues"]
    assert issue["codes"] == ["purchase_limit_exceeded"]
    assert PurchaseTally.objects.get(sku=sku, buyer=f"user:{user.owner_id}").units == 5
    assert other.id in quantities_of(user.cart())


def test_the_user_cancels_a_claimed_order_and_gets_its_lines_and_allowance(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create(stock=9, purchase_limit=2)
    order_id = buy(guest, sku, 2)["id"]
    merge(user, guest)

    user.data("POST", f"/orders/{order_id}/cancel?restoreCart=true")

    assert quantities_of(user.cart()) == {sku.id: 2}
    assert (read_stock(sku), set(read_tallies().values())) == ([9], {0})
    assert guest.cart()["items"] == []


def test_an_order_the_guest_id_places_later_is_claimed_by_the_next_merge(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create()
    buy(guest, sku)
    merge(user, guest)
    later = buy(guest, sku)

    assert guest.data("GET", "/orders")["total"] == 1
    assert merge(user, guest)["merge"]["ordersClaimed"] == 1
    assert user.data("GET", f"/orders/{later['id']}") == later


def test_a_repeat_of_the_guests_request_is_answered_to_the_user_alone(
    guest: Shopper, user: Shopper
) -> None:
    guest.add(SkuFactory.create())
    order = place_order(guest, idempotency_key="k1")
    merge(user, guest)

    assert place_order(user, idempotency_key="k1") == order
    assert refuse_order(guest, idempotency_key="k1")["error"]["type"] == "nothing_selected"


def test_bought_units_still_leave_the_guests_cart(
    guest: Shopper, user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    with monkeypatch.context() as patch:
        leave_unsettled(patch)
        place_order(guest)
    guest.add(sku, 3)

    merge(user, guest)
    settle_orders(now=timezone.now() + LATER)

    assert quantities_of(user.cart()) == {sku.id: 3}
    assert PendingSettlement.objects.count() == 0


def test_lines_that_came_back_to_the_guest_do_not_come_back_to_the_user_again() -> None:
    guest, user, sku = new_guest(), new_user(), SkuFactory.create()
    order_id = buy(guest, sku, 2)["id"]
    guest.data("POST", f"/orders/{order_id}/cancel?restoreCart=true")
    # As after a crash before that was noted.
    Order.objects.update(line_return=LineReturn.DUE, returned=None)

    merge(user, guest)
    return_due_lines(now=timezone.now() + LATER)

    assert quantities_of(user.cart()) == {sku.id: 2}
    assert Order.objects.get().returned == {
        "lines": [{"skuId": sku.id, "quantity": 2}],
        "capped": [],
    }


def test_lines_due_to_a_guest_who_signed_in_go_into_the_users_cart() -> None:
    guest, user, sku = new_guest(), new_user(), SkuFactory.create()
    order_id = buy(guest, sku, 2)["id"]
    guest.data("POST", f"/orders/{order_id}/cancel")
    Order.objects.update(line_return=LineReturn.DUE)

    merge(user, guest)
    return_due_lines(now=timezone.now() + LATER)

    assert quantities_of(user.cart()) == {sku.id: 2}
    assert guest.cart()["items"] == []
