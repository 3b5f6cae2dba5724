"""Who may do what: every route, called by everybody, with ids of their own and of others.

A call that is refused changes no cart; one that is done changes no cart but the caller's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from products.models import Sku
from tests.accounts.factories import PASSWORD, UserFactory
from tests.accounts.programs import new_program
from tests.carts.shopper import Shopper, addition_of, item_id, new_guest, new_user, unchanged
from tests.factories import SkuFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]


@dataclass
class World:
    """Five carts with a line of the same SKU each, and who has none."""

    sku: Sku
    owners: dict[str, Shopper]
    strangers: dict[str, Shopper]

    def caller(self, name: str) -> Shopper:
        return self.owners.get(name) or self.strangers[name]

    def line_id(self, caller: str, kind: str) -> str:
        """Return the id of a line: the caller's "own", a guest's, a user's, or none at all."""
        if kind == "malformed":
            return "garbage"
        whose = caller if kind == "own" and caller in self.owners else self._other(caller, kind)
        return item_id(self.owners[whose].cart(), self.sku)

    def guest_id(self, caller: str, kind: str) -> str:
        if kind == "malformed":
            return "user:12345678"
        return self.owners[caller if kind == "own" and "guest" in caller else "guest B"].owner_id

    def _other(self, caller: str, kind: str) -> str:
        pair = ("user A", "user B") if kind == "a user's" else ("guest A", "guest B")
        return pair[1] if caller == pair[0] else pair[0]


@pytest.fixture
def world(db: None) -> World:
    account = UserFactory.create(password="!")
    expired = AccessToken.for_user(account)
    expired.set_exp(lifetime=-timedelta(minutes=1))
    owners = {
        "guest A": new_guest(),
        "guest B": new_guest(),
        "user A": new_user(),
        "user B": new_user(),
        "staff": new_user(is_staff=True, is_superuser=True),
    }
    known = owners["guest A"].headers
    strangers = {
        "nobody": Shopper("", {}),
        "expired token": Shopper("", known | {"Authorization": f"Bearer {expired}"}),
        "refresh token": Shopper(
            "", known | {"Authorization": f"Bearer {RefreshToken.for_user(account)}"}
        ),
        "service key": Shopper("", known | new_program().headers),
    }
    sku = SkuFactory.create()
    for owner in owners.values():
        owner.add(sku, 2)
    return World(sku, owners, strangers)


CALLERS = [
    "guest A", "guest B", "user A", "user B", "staff", "nobody", "expired token", "refresh token",
    "service key",
]  # fmt: skip
# Nobody's, where a cart is asked for.
DEAD = {"expired token", "refresh token", "service key"}
USERS = {"user A", "user B", "staff"}


@dataclass
class Row:
    """A route, and how it answers: by kind of id where it takes one.

    `open` routes look at no identity, `personal` ones want a user, `keyed` ones a service key.
    """

    method: str
    route: str
    path: str
    body: Any = None
    statuses: tuple[tuple[str, int], ...] = (("", 200),)
    access: str = "cart"

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def expected(self, caller: str, status: int) -> int:
        """Return the status for a caller, given that for one who may make the call."""
        if self.access == "keyed":
            return status if caller == "service key" else 401
        if self.access == "open" or caller in USERS:
            return status
        if caller in DEAD or self.access == "personal":
            return 401
        return 400 if caller == "nobody" else status


ITEM = (("own", 200), ("a guest's", 403), ("a user's", 403), ("malformed", 404))
# Within a batch the status is that of the batch.
BATCH = (("own", 200), ("a guest's", 400), ("a user's", 400), ("malformed", 400))
LINE, ADDITION, GUEST = "<line>", "<addition>", "<guest id>"
ACCOUNT = {"username": "new", "email": "new@example.com", "password": PASSWORD}
LOGIN = {"username": "known", "password": PASSWORD}
FOUND = (("own", 200), ("malformed", 404))

TABLE = [
    Row("GET", "cart", "/cart"),
    Row("POST", "cart", "/cart", ADDITION),
    Row("POST", "cart/batch", "/cart/batch", {"items": [ADDITION]}),
    Row("PUT", "cart/batch", "/cart/batch", {"items": [{"itemId": LINE, "quantity": 9}]}, BATCH),
    Row("DELETE", "cart/batch", "/cart/batch", {"itemIds": [LINE]}, BATCH),
    Row("PUT", "cart/item/<str:item_id>", f"/cart/item/{LINE}", {"quantity": 9}, ITEM),
    Row("DELETE", "cart/item/<str:item_id>", f"/cart/item/{LINE}", None, ITEM),
    Row("DELETE", "cart/clear", "/cart/clear"),
    Row("PUT", "cart/selection", "/cart/selection", {"itemIds": [LINE], "selected": False}, BATCH),
    Row("PUT", "cart/selection", "/cart/selection", {"all": True, "selected": False}),
    Row("GET", "cart/summary", "/cart/summary"),
    Row("GET", "cart/validate", "/cart/validate"),
    Row("POST", "cart/acknowledge", "/cart/acknowledge"),
    Row("POST", "cart/acknowledge", "/cart/acknowledge", {"itemIds": [LINE]}, ITEM),
    Row(
        "POST",
        "cart/merge",
        "/cart/merge",
        {"guestSessionId": GUEST},
        (("own", 200), ("malformed", 400)),
        "personal",
    ),
    Row("GET", "products", "/products", access="open"),
    Row("GET", "products/<str:product_id>", "/products/<product>", None, FOUND, "open"),
    Row("GET", "merchants", "/merchants", access="open"),
    Row("POST", "auth/register", "/auth/register", ACCOUNT, access="open"),
    Row("POST", "auth/login", "/auth/login", LOGIN, access="open"),
    Row("POST", "auth/refresh", "/auth/refresh", {"refresh": "x"}, (("", 401),), "open"),
    Row("POST", "auth/logout", "/auth/logout", {"refresh": "x"}, (("", 401),), "open"),
    Row("GET", "auth/me", "/auth/me", access="personal"),
    Row("POST", "auth/guest", "/auth/guest", access="open"),
    Row("GET", "catalogue/products", "/catalogue/products", access="keyed"),
    Row("PUT", "catalogue/products", "/catalogue/products", {}, (("", 400),), "keyed"),
    Row("PUT", "catalogue/stock", "/catalogue/stock", {}, (("", 400),), "keyed"),
    Row("PUT", "catalogue/prices", "/catalogue/prices", {}, (("", 400),), "keyed"),
    Row("GET", "schema", "/schema", access="open"),
    Row("GET", "docs", "/docs", access="open"),
]


def fill_in(template: Any, world: World, caller: str, kind: str) -> Any:
    """Replace the placeholders of a path or body."""
    if isinstance(template, dict):
        return {name: fill_in(value, world, caller, kind) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_in(value, world, caller, kind) for value in template]
    if template == ADDITION:
        return addition_of(world.sku)
    if not isinstance(template, str):
        return template
    product = world.sku.product_id if kind == "own" else "garbage"
    text = template.replace("<product>", product)
    if LINE in text:
        text = text.replace(LINE, world.line_id(caller, kind))
    return text.replace(GUEST, world.guest_id(caller, kind)) if GUEST in text else text


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_everybody_reaches_their_own_cart_and_no_other(world: World, row: Row, caller: str) -> None:
    UserFactory.create(username="known")
    for kind, status in row.statuses:
        expected = row.expected(caller, status)
        path = fill_in(row.path, world, caller, kind)
        body = fill_in(row.body, world, caller, kind)
        others = [
            owner
            for name, owner in world.owners.items()
            if expected >= 400 or not may_change(row, world, name, caller, kind)
        ]

        with unchanged(*others):
            response = world.caller(caller).call(row.method, path, body)

        assert response.status_code == expected, (kind, response.content)


def may_change(row: Row, world: World, name: str, caller: str, kind: str) -> bool:
    """Tell whether a call that is done may change this cart."""
    if name == caller:
        return True
    # Whoever knows a guest's id is that guest: merging it, and signing in with it, take its cart.
    if row.route == "cart/merge":
        return world.owners[name].owner_id == world.guest_id(caller, kind)
    signs_in = row.route in {"auth/register", "auth/login"}
    return signs_in and caller in DEAD and name == "guest A"


def find_routes(
    patterns: list[URLPattern | URLResolver], prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield method and route of everything below these patterns."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from find_routes(pattern.url_patterns, route)
            continue
        view: Any = pattern.callback
        for method in set(find_methods(view)) - {"head"}:
            yield method.upper(), route


def find_methods(view: Any) -> Iterable[str]:
    """Return the methods of a view set, a class-based view, or a function, which only reads."""
    if hasattr(view, "actions"):
        return list(view.actions)
    methods = ("get", "post", "put", "patch", "delete")
    return [name for name in methods if hasattr(getattr(view, "cls", None), name)] or ["get"]


def test_every_route_of_the_api_is_in_the_table() -> None:
    api = [
        pattern
        for pattern in get_resolver().url_patterns
        if str(pattern.pattern).startswith("api/")
    ]

    routes = {
        (method, route.removeprefix("api/"))
        for method, route in find_routes(api)
        if not route.startswith("api/orders")
    }

    assert routes == {(row.method, row.route) for row in TABLE}


@pytest.mark.parametrize("caller", ["guest A", "user A"])
def test_fields_that_would_name_another_owner_or_state_change_nothing(
    world: World, caller: str
) -> None:
    shopper, other = world.owners[caller], world.owners["user B"]
    before = shopper.cart()
    forged = {
        "id": other.cart()["id"],
        "cartId": other.cart()["id"],
        "userId": other.owner_id,
        "sessionId": "guest-somebody-else",
        "owner": other.owner_id,
        "status": "CHECKEDOUT",
        "version": 1,
        "price": 0.01,
        "totalAmount": 0,
        "currency": "XXX",
        "expiresAt": "1970-01-01T00:00:00.000Z",
        "isAdmin": True,
    }

    with unchanged(other):
        cart = shopper.add(world.sku, 1, **forged)
        line = item_id(cart, world.sku)
        shopper.data("PUT", f"/cart/item/{line}", forged | {"quantity": 3})

    after = shopper.cart()
    kept = ("id", "userId", "sessionId", "status", "currency", "createdAt")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["version"] > before["version"]
    assert after["items"][0]["price"] == 149.99
    assert after["itemCount"] == 3
