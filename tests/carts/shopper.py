"""A storefront's client: JSON in, envelope out, as a guest or as a user."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from products.models import Sku
from tests.accounts.factories import UserFactory

JSON = "application/json"


@dataclass
class Shopper:
    """Somebody with a cart. `owner_id` is the user's id or the guest id."""

    owner_id: str
    headers: dict[str, str]
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request to /api and return the response; `headers` by name with _ for -."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, content, **headers)

    def send(
        self, method: str, path: str, content: bytes, content_type: str = JSON, **headers: str
    ) -> Any:
        """Send a body as it is to /api."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(
            method,
            f"/api{path}",
            content,
            content_type=content_type,
            headers=self.headers | named,
        )

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that succeeds, and return its data."""
        response = self.call(method, path, body, **headers)
        envelope = json.loads(response.content)
        assert response.status_code == envelope["code"] == 200, envelope
        return envelope["data"]

    def refusal(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that fails, and return its envelope."""
        return read_refusal(self.call(method, path, body, **headers))

    def cart(self) -> Any:
        return self.data("GET", "/cart")

    def add(self, sku: Sku, quantity: int = 1, **body: Any) -> Any:
        """Add units of a SKU, and return the cart."""
        return self.data("POST", "/cart", addition_of(sku, quantity) | body)


def new_guest() -> Shopper:
    """Return a guest with an id of their own."""
    guest_id = f"guest-{secrets.token_urlsafe(16)}"
    return Shopper(guest_id, {"X-Guest-ID": guest_id})


def new_user(**fields: Any) -> Shopper:
    """Return a logged-in user."""
    account = UserFactory.create(**{"password": "!"} | fields)
    return Shopper(account.pk, {"Authorization": f"Bearer {AccessToken.for_user(account)}"})


def addition_of(sku: Sku, quantity: int = 1) -> dict[str, Any]:
    """Return the body that adds units of a SKU."""
    return {"productId": sku.product_id, "skuId": sku.id, "quantity": quantity}


def line_of(cart: Any, sku: Sku) -> Any:
    """Return the cart's line of a SKU, purchasable or not; fails where there is none."""
    lines = [*cart["items"], *cart["unavailableItems"]]
    return next(line for line in lines if line["skuId"] == sku.id)


def item_id(cart: Any, sku: Sku) -> str:
    """Return the id the cart's line of a SKU has or would have."""
    return f"{cart['id']}_{sku.id}"


def quantities_of(cart: Any) -> dict[str, int]:
    """Return the units by SKU id, in the order of the purchasable lines."""
    return {line["skuId"]: line["quantity"] for line in cart["items"]}


def read_refusal(response: Any) -> Any:
    """Return the envelope of an answer that must be a failure."""
    envelope = json.loads(response.content)
    assert response.status_code == envelope["code"] >= 400, envelope
    assert envelope["success"] is False
    return envelope


def summary_of(refusal: Any) -> tuple[int, str, str]:
    """Return status, slug and message of a failure."""
    return refusal["code"], refusal["error"]["type"], refusal["message"]


@contextmanager
def unchanged(*shoppers: Shopper) -> Iterator[None]:
    """Assert that nothing in these carts changes meanwhile, their versions included."""
    before = [_state_of(shopper) for shopper in shoppers]
    yield
    assert [_state_of(shopper) for shopper in shoppers] == before


def _state_of(shopper: Shopper) -> Any:
    cart = shopper.cart()
    if cart["version"] == 0:
        # The times of a cart that does not exist yet are those of the reading.
        for moment in ("createdAt", "updatedAt", "expiresAt"):
            del cart[moment]
    return cart
