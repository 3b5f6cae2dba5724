"""Orders in the admin."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from carts.models import PendingSettlement
from orders.lifecycle import pay_order, ship_order
from orders.models import Order, OrderEvent, Payment
from tests.accounts.factories import StaffFactory
from tests.carts.admin.staff import owner_page_of
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order
from tests.products.rows import read_stock

pytestmark = pytest.mark.django_db

LIST = "admin:orders_order_changelist"


def sign_in(*permissions: str) -> tuple[Client, User]:
    """Return a client of a member of staff who may do just this."""
    staff = StaffFactory.create(is_superuser=False, password="!")
    codenames = {"view_order", *permissions}
    staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(staff)
    return client, staff


def act(client: Client, action: str, *orders: Any) -> HttpResponse:
    """Choose an action for orders in the list, and return the list that follows."""
    response: HttpResponse = client.post(  # type: ignore[assignment]
        reverse(LIST),
        {"action": action, "_selected_action": [order["id"] for order in orders], "post": "yes"},
        follow=True,
    )
    return response


ACTIONS = [
    ("mark_paid", "pay_order", "PENDING", "PAID"),
    ("mark_shipped", "ship_order", "PAID", "SHIPPED"),
    ("mark_completed", "complete_order", "SHIPPED", "COMPLETED"),
    ("mark_cancelled", "cancel_order", "PENDING", "CANCELLED"),
]


def bring_to(status: str, order: Any) -> None:
    now = timezone.now()
    if status in {"PAID", "SHIPPED"}:
        pay_order(order_id=order["id"], actor="staff:x", now=now)
    if status == "SHIPPED":
        ship_order(order_id=order["id"], actor="staff:x", now=now)


@pytest.mark.parametrize(("action", "permission", "before", "after"), ACTIONS)
def test_an_action_moves_orders_on_and_says_who_did_it(
    user: Shopper, action: str, permission: str, before: str, after: str
) -> None:
    sku = SkuFactory.create(stock=5)
    order = buy(user, sku, 2)
    bring_to(before, order)
    client, staff = sign_in(permission)

    response = act(client, action, order)

    assert "1 order changed." in response.content.decode()
    assert Order.objects.get().status == after
    event = OrderEvent.objects.last()
    assert event is not None
    assert (event.to_status, event.actor) == (after, f"staff:{staff.pk}")
    assert read_stock(sku) == [5 if after == "CANCELLED" else 3]


@pytest.mark.parametrize(("action", "permission", "before", "after"), ACTIONS)
def test_an_action_needs_its_own_permission(
    user: Shopper, action: str, permission: str, before: str, after: str
) -> None:
    order = buy(user, SkuFactory.create())
    bring_to(before, order)
    others = {other for _, other, _, _ in ACTIONS} - {permission}
    client, _ = sign_in(*others)

    act(client, action, order)

    assert Order.objects.get().status == before


def test_orders_that_cannot_be_moved_on_are_named(user: Shopper) -> None:
    sku = SkuFactory.create()
    fine, paid = buy(user, sku), buy(user, sku)
    bring_to("PAID", paid)
    client, _ = sign_in("cancel_order")

    page = act(client, "mark_cancelled", fine, paid).content.decode()

    refusal = f"{paid['orderNumber']} is not changed: from “Paid” it cannot become “Cancelled”."
    assert refusal in page
    assert "1 order changed." in page
    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {fine["id"]: "CANCELLED", paid["id"]: "PAID"}


def press(client: Client, order: Any, **body: str) -> Any:
    """Press a button of an order's page, and return what follows."""
    return client.post(reverse("admin:orders_order_move", args=[order["id"]]), body, follow=True)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("PENDING", {"mark_paid", "mark_cancelled"}),
        ("PAID", {"mark_shipped"}),
        ("SHIPPED", {"mark_completed"}),
    ],
)
def test_a_page_offers_what_its_order_and_its_reader_allow(
    user: Shopper, status: str, offered: set[str]
) -> None:
    order = buy(user, SkuFactory.create())
    bring_to(status, order)
    page = reverse("admin:orders_order_change", args=[order["id"]])

    def list_buttons(*permissions: str) -> set[str]:
        html = sign_in(*permissions)[0].get(page).content.decode()
        return set(re.findall(r'name="action" value="(\w+)"', html))

    assert list_buttons(*(permission for _, permission, _, _ in ACTIONS)) == offered
    assert list_buttons() == set()


def test_a_button_moves_the_order_on_and_leads_back_to_its_page(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())
    client, _ = sign_in("pay_order")

    response = press(client, order, action="mark_paid")

    assert Order.objects.get().status == "PAID"
    assert response.request["PATH_INFO"] == reverse("admin:orders_order_change", args=[order["id"]])
    assert press(client, order, action="mark_cancelled").status_code == 403
    assert Order.objects.get().status == "PAID"


def test_cancelling_asks_first_and_leaves_the_order_as_it_is(user: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    order = buy(user, sku, 2)
    client, _ = sign_in("cancel_order")

    for question in (
        press(client, order, action="mark_cancelled"),
        client.post(reverse(LIST), {"action": "mark_cancelled", "_selected_action": [order["id"]]}),
    ):
        assert "A cancelled order stays cancelled." in question.content.decode()
        assert Order.objects.get().status == "PENDING"
    press(client, order, action="mark_cancelled", post="yes")

    assert Order.objects.get().status == "CANCELLED"
    assert read_stock(sku) == [5]


def test_the_list_takes_the_same_queries_for_any_number_of_orders() -> None:
    client, _ = sign_in("pay_order")
    sku = SkuFactory.create()
    counts = []
    for _ in range(3):
        for shopper in (new_user(), new_guest()):
            buy(shopper, sku)
        with CaptureQueriesContext(connection) as captured:
            page = client.get(reverse(LIST)).content.decode()
        counts.append(len(captured))

    assert counts == [counts[0]] * 3
    assert all(order.number in page for order in Order.objects.all())


def test_an_order_is_found_by_number_username_and_address(user: Shopper, guest: Shopper) -> None:
    sku = SkuFactory.create()
    of_user, of_guest = buy(user, sku), buy(guest, sku)
    account = User.objects.get(pk=user.owner_id)
    client, _ = sign_in()

    def found(query: str) -> set[str]:
        page = client.get(reverse(LIST), {"q": query}).content.decode()
        return {order["id"] for order in (of_user, of_guest) if order["orderNumber"] in page}

    assert found(of_user["orderNumber"]) == {of_user["id"]}
    assert found(of_guest["id"]) == {of_guest["id"]}
    assert found(account.username) == {of_user["id"]}
    assert found(account.email) == {of_user["id"]}
    assert found("lin@example.com") == {of_user["id"], of_guest["id"]}
    assert found("nobody") == set()


def test_a_page_shows_what_was_sold_and_what_became_of_it(guest: Shopper) -> None:
    sku = SkuFactory.create(code="TH-100-WHT", product__name="温湿度传感器")
    guest.add(sku, 2)
    address = {"city": "上海", "parts": {"floor": 3}}
    order = place_order(guest, {"shippingAddress": address})
    Payment.objects.create(
        event_id="evt-1",
        order_id=order["id"],
        order_reference=order["id"],
        amount=1,
        currency="CNY",
        flag="wrong_amount",
        received_at=timezone.now(),
    )
    client, staff = sign_in("view_orderitem", "view_orderevent", "view_payment", "pay_order")
    press(client, order, action="mark_paid")

    page = client.get(reverse("admin:orders_order_change", args=[order["id"]])).content.decode()

    for text in (order["orderNumber"], "温湿度传感器", "TH-100-WHT", "evt-1", staff.username):
        assert text in page
    assert "email: lin@example.com<br>" in page
    assert "city: 上海<br>parts: {&quot;floor&quot;: 3}<br>" in page
    assert f'href="{owner_page_of(guest)}"' in page
    assert guest.owner_id not in page
    assert "PENDING" not in page


def test_a_page_takes_the_same_queries_for_any_number_of_events(user: Shopper) -> None:
    orders = [buy(user, SkuFactory.create()) for _ in range(2)]
    bring_to("SHIPPED", orders[1])
    client, _ = sign_in("view_orderevent")
    counts = []
    for order in orders:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("admin:orders_order_change", args=[order["id"]]))
        counts.append(len(captured))

    assert counts == [counts[0]] * 2


def test_nobody_adds_changes_or_deletes_orders_by_hand(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())
    client = Client()
    client.force_login(StaffFactory.create(password="!"))
    change = reverse("admin:orders_order_change", args=[order["id"]])
    delete = reverse("admin:orders_order_delete", args=[order["id"]])

    statuses = [
        client.get(reverse("admin:orders_order_add")).status_code,
        client.post(change, {"status": "PAID"}).status_code,
        client.post(delete, {"post": "yes"}).status_code,
        client.post(reverse("admin:orders_payment_add")).status_code,
    ]

    assert statuses == [403, 403, 403, 403]
    assert Order.objects.get().status == "PENDING"
    assert "delete_selected" not in client.get(reverse(LIST)).content.decode()


def test_flagged_payments_can_be_listed(user: Shopper) -> None:
    Payment.objects.create(
        event_id="evt-1",
        order_reference="missing",
        amount=1,
        currency="CNY",
        flag="unknown_order",
        received_at=timezone.now(),
    )
    client, _ = sign_in("view_payment")
    path = reverse("admin:orders_payment_changelist")

    assert "evt-1" in client.get(path, {"flag__exact": "unknown_order"}).content.decode()
    assert "evt-1" not in client.get(path, {"flag__exact": "wrong_amount"}).content.decode()


def test_a_page_tells_whether_the_units_have_left_the_cart(user: Shopper) -> None:
    order = buy(user, SkuFactory.create())
    client, _ = sign_in()
    page = reverse("admin:orders_order_change", args=[order["id"]])

    left = client.get(page).content.decode()
    PendingSettlement.objects.create(order_id=order["id"], owner="o", cart_id="c", units={})
    waiting = client.get(page).content.decode()

    shown = [
        re.findall(r"Taken out of the cart.*?title=\"(\w+)\"", html, re.DOTALL)
        for html in (left, waiting)
    ]
    assert shown == [["True"], ["False"]]
