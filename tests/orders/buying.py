"""Ordering as a storefront does, and looking at what it did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from carts.models import PendingSettlement
from orders.models import Order, OrderEvent, OrderItem
from products.models import Sku
from tests.carts.shopper import Shopper, unchanged
from tests.products.rows import read_all_tallies

CONTACT = {"email": "lin@example.com"}


def place_order(shopper: Shopper, body: Any = None, **headers: str) -> Any:
    """Order what is selected, or what `body` says, and return the order."""
    return shopper.data("POST", "/orders", {"contact": CONTACT} | (body or {}), **headers)


def refuse_order(shopper: Shopper, body: Any = None, **headers: str) -> Any:
    """Order what cannot be had, and return the failure's envelope."""
    return shopper.refusal("POST", "/orders", {"contact": CONTACT} | (body or {}), **headers)


def buy(shopper: Shopper, sku: Sku, quantity: int = 1) -> Any:
    """Add units of a SKU to the cart, order what is selected, and return the order."""
    shopper.add(sku, quantity)
    return place_order(shopper)


def buyer_of(shopper: Shopper) -> str:
    """Return the key by which the shopper's purchases are tallied."""
    kind = "guest" if "X-Guest-ID" in shopper.headers else "user"
    return f"{kind}:{shopper.owner_id}"


@contextmanager
def nothing_sold(*shoppers: Shopper) -> Iterator[None]:
    """Assert that meanwhile no stock, no allowance, no order and no cart changes."""
    before = _read_books()
    with unchanged(*shoppers):
        yield
    assert _read_books() == before


def _read_books() -> Any:
    return (
        dict(Sku.objects.values_list("id", "stock")),
        read_all_tallies(),
        Order.objects.count(),
        OrderItem.objects.count(),
        OrderEvent.objects.count(),
        PendingSettlement.objects.count(),
    )
