"""A storefront's client: JSON in, envelope out, as a guest or as a user."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from products.models import Sku
from tests.accounts.factories import UserFactory


@dataclass
class Shopper:
    """Somebody with a cart. `owner_id` is the user's id or the guest id."""

    owner_id: str
    headers: dict[str, str]
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Send a request to /api; `headers` by their names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        response: HttpResponse = self.client.generic(  # type: ignore[assignment]
            method,
            f"/api{path}",
            content,
            content_type="application/json",
            headers=self.headers | named,
        )
        return response

    def data(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that succeeds, and return its data."""
        response = self.call(method, path, body, **headers)
        envelope = json.loads(response.content)
        assert response.status_code == envelope["code"] == 200, envelope
        return envelope["data"]

    def refusal(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that fails, and return its envelope."""
        response = self.call(method, path, body, **headers)
        envelope = json.loads(response.content)
        assert response.status_code == envelope["code"] >= 400, envelope
        assert envelope["success"] is False
        return envelope

    def cart(self) -> Any:
        return self.data("GET", "/cart")

    def add(self, sku: Sku, quantity: int = 1, **body: Any) -> Any:
        """Add units of a SKU, and return the cart."""
        named = {"productId": sku.product_id, "skuId": sku.id, "quantity": quantity}
        return self.data("POST", "/cart", named | body)


def new_guest() -> Shopper:
    """Return a guest with an id of their own."""
    guest_id = f"guest-{secrets.token_urlsafe(16)}"
    return Shopper(guest_id, {"X-Guest-ID": guest_id})


def new_user(**fields: Any) -> Shopper:
    """Return a logged-in user."""
    account = UserFactory(**fields)
    return Shopper(account.pk, {"Authorization": f"Bearer {AccessToken.for_user(account)}"})


def line_of(cart: Any, sku: Sku) -> Any:
    """Return the cart's line of a SKU, purchasable or not; fails where there is none."""
    lines = [*cart["items"], *cart["unavailableItems"]]
    return next(line for line in lines if line["skuId"] == sku.id)
