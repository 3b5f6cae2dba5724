"""Lines and offers as plain values."""

from typing import Any

from carts.domain.cart import Cart, CartOwner, Line
from products.offers import Offer

OWNER = CartOwner.for_guest("guest-12345678")


def make_line(
    sku_id: str = "a",
    quantity: int = 1,
    updated_ms: int = 1,
    *,
    selected: bool = True,
    revision: int = 1,
) -> Line:
    return Line(sku_id, quantity, selected, revision, 1, updated_ms)


def make_cart(*lines: Line, version: int = 1, updated_ms: int = 1) -> Cart:
    return Cart("c" * 24, OWNER, version, 1, updated_ms, lines)


def make_offer(**values: Any) -> Offer:
    """Return an offer that can be bought: ten pieces at 1.50, without a limit."""
    usual = Offer(
        sku_id="a",
        product_id="p",
        code="A",
        attributes_json="{}",
        price_cents=150,
        original_price_cents=None,
        stock=10,
        purchase_limit=None,
        bought=0,
        revision=1,
        card_json="",
        status=1,
        is_deleted=False,
        is_active=True,
    )
    return usual._replace(**values)
