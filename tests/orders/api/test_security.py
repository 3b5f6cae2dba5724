"""Who may do what with orders: every route, called by everybody, with orders of all."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework_simplejwt.tokens import AccessToken

from orders.models import Order
from tests.accounts.factories import UserFactory
from tests.carts.api.test_security import find_routes
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy
from tests.products.rows import read_stock

pytestmark = pytest.mark.django_db

OWNERS = ["guest A", "guest B", "user A", "user B", "staff"]
STRANGERS = {"nobody": 400, "expired token": 401}
# For one who may call: with an order of their own, with somebody else's, and with none.
TABLE: dict[tuple[str, str], tuple[int, int, int]] = {
    ("POST", "orders"): (200, 200, 200),
    ("GET", "orders"): (200, 200, 200),
    ("GET", "orders/<str:order_id>"): (200, 404, 404),
    ("POST", "orders/<str:order_id>/cancel"): (200, 404, 404),
}
# Nobody's identity counts there, but a signature.
SIGNED = ("POST", "orders/webhooks/payment")


@dataclass
class World:
    """Five buyers with an order and a full cart each, and who has none."""

    callers: dict[str, Shopper]
    orders: dict[str, str]


@pytest.fixture
def world(db: None) -> World:
    sku = SkuFactory.create(stock=100)
    expired = AccessToken.for_user(UserFactory.create(password="!"))
    expired.set_exp(lifetime=-timedelta(minutes=1))
    callers = {
        "guest A": new_guest(),
        "guest B": new_guest(),
        "user A": new_user(),
        "user B": new_user(),
        "staff": new_user(is_staff=True, is_superuser=True),
    }
    orders = {}
    for name, shopper in callers.items():
        orders[name] = buy(shopper, sku)["id"]
        shopper.add(sku)
    strangers = {
        "nobody": Shopper("", {}),
        "expired token": Shopper(
            "", callers["guest A"].headers | {"Authorization": f"Bearer {expired}"}
        ),
    }
    return World(callers | strangers, orders)


def read_others(caller: str, world: World) -> list[Any]:
    kept = [order_id for name, order_id in world.orders.items() if name != caller]
    return list(Order.objects.filter(pk__in=kept).order_by("pk").values())


@pytest.mark.parametrize("caller", [*OWNERS, *STRANGERS])
@pytest.mark.parametrize("route", TABLE, ids=" ".join)
def test_everybody_reaches_their_own_orders_and_no_others(
    world: World, route: tuple[str, str], caller: str
) -> None:
    method, template = route
    targets = [
        world.orders.get(caller, "garbage"),
        *(order_id for name, order_id in world.orders.items() if name != caller),
        "garbage",
    ]
    own, foreign, unknown = TABLE[route]
    for order_id in targets:
        status = own if order_id == world.orders.get(caller) else foreign
        status = STRANGERS.get(caller, unknown if order_id == "garbage" else status)
        before = read_others(caller, world)
        path = "/" + template.replace("<str:order_id>", order_id)

        response = world.callers[caller].call(method, path, {"contact": CONTACT})

        # The cart is bought by the first call; the others find it empty.
        allowed = {status} | ({400} if route == ("POST", "orders") else set())
        assert response.status_code in allowed, (order_id, response.content)
        assert read_others(caller, world) == before


@pytest.mark.parametrize("caller", [*OWNERS, *STRANGERS])
def test_nobody_reports_a_payment_without_the_secret(
    world: World, settings: Any, caller: str
) -> None:
    settings.PAYMENT_WEBHOOK_SECRET = "whsec"
    before = list(Order.objects.order_by("pk").values())

    response = world.callers[caller].call("POST", f"/{SIGNED[1]}", {"type": "payment.succeeded"})

    assert response.status_code == 401
    assert list(Order.objects.order_by("pk").values()) == before


def test_every_route_of_orders_is_in_the_table() -> None:
    routes = {
        (method, route.removeprefix("api/"))
        for method, route in find_routes(get_resolver().url_patterns)
        if route.startswith("api/orders")
    }

    assert routes == {*TABLE, SIGNED}


def test_a_guest_cannot_reach_a_users_orders_by_any_id(user: Shopper) -> None:
    sku = SkuFactory.create(stock=100)
    order = buy(user, sku)

    for guest_id in (user.owner_id, f"user-{user.owner_id}", f"user_{user.owner_id}"):
        guest = Shopper(guest_id, {"X-Guest-ID": guest_id})
        assert guest.data("GET", "/orders")["total"] == 0
        assert guest.refusal("POST", f"/orders/{order['id']}/cancel")["code"] == 404
    assert read_stock(sku) == [99]
