"""A catalogue and carts to measure on; carts are filled through the API, as shoppers do."""

import http.client
import json
import random
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from products.models import Merchant, Product, Sku
from tests.benchmarks.load import Call

_MERCHANTS = 100
_PRODUCTS = 5_000
_LIMITED_EVERY = 10
_STOCK = 1_000_000
_BATCH = 50
_DESCRIPTION = "Measures temperature and humidity, reports every ten seconds and runs for two years"
_usernames = (f"buyer{number}" for number in count())


@dataclass(frozen=True, slots=True)
class Buyer:
    """A logged-in user and their cart as the API answered it."""

    id: str
    token: str
    cart: dict[str, Any]

    @property
    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.cart["items"]
        return items


def stock_shop() -> list[Sku]:
    """Make 5,000 products of one SKU each, one in ten with a limit per buyer; return the SKUs."""
    merchants = Merchant.objects.bulk_create(Merchant(name=f"商家 {n}") for n in range(_MERCHANTS))
    products = Product.objects.bulk_create(
        Product(
            merchant=merchants[number % _MERCHANTS],
            name=f"温湿度传感器 {number}",
            description=_DESCRIPTION,
            images=[f"/static/products/{number}/{side}.svg" for side in ("front", "back")],
        )
        for number in range(_PRODUCTS)
    )
    skus = Sku.objects.bulk_create(
        Sku(
            product=product,
            code=f"TH-{number}-WHT",
            attributes={"颜色": "白"},
            price=Decimal("149.99"),
            original_price=Decimal("199.99"),
            stock=_STOCK,
            purchase_limit=_STOCK if number % _LIMITED_EVERY == 0 else None,
        )
        for number, product in enumerate(products)
    )
    with connection.cursor() as cursor:
        # Autovacuum would do it within a minute.
        cursor.execute("ANALYZE")
    return skus


def make_buyers(url: str, skus: list[Sku], *, number: int, lines: int) -> list[Buyer]:
    """Return new buyers with this many lines of one unit each in their carts."""
    users = User.objects.bulk_create(
        User(username=name, email=f"{name}@example.com", password="!")
        for name, _ in zip(_usernames, range(number), strict=False)
    )
    return [_fill_cart(url, user, random.sample(skus, lines)) for user in users]


def send(url: str, call: Call) -> dict[str, Any]:
    """Send one call, and return the data of its answer, which must be a success."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"}
    body = None if call.body is None else json.dumps(call.body)
    connection.request(call.method, f"/api{call.path}", body, headers)
    envelope = json.loads(connection.getresponse().read())
    connection.close()
    assert envelope["success"], envelope
    data: dict[str, Any] = envelope["data"]
    return data


def add_one(token: str, product_id: str) -> Call:
    """Return the call that adds a unit of a product's only SKU."""
    return Call("POST", "/cart", token, {"productId": product_id, "quantity": 1})


def _fill_cart(url: str, user: User, skus: list[Sku]) -> Buyer:
    token = str(AccessToken.for_user(user))
    entries = [{"productId": sku.product_id, "skuId": sku.id, "quantity": 1} for sku in skus]
    for start in range(0, len(entries), _BATCH):
        send(url, Call("POST", "/cart/batch", token, {"items": entries[start : start + _BATCH]}))
    return Buyer(user.id, token, send(url, Call("GET", "/cart", token)))
