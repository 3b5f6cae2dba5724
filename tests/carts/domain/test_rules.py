"""What may be in a cart, as tables."""

from typing import Any

import pytest

from carts.domain.errors import (
    CartError,
    InsufficientStock,
    InvalidProductOrQuantity,
    ProductNotAvailable,
    PurchaseLimitExceeded,
)
from carts.domain.rules import (
    find_issues,
    format_cents,
    highest_quantity,
    is_on_sale,
    is_purchasable,
    price_when_added,
    refusal_of,
    remaining_allowance,
    require_available,
    sort_lines,
    unavailable_reason,
)
from products.offers import Offer, Snapshot
from tests.carts.domain.goods import make_line, make_offer

DELETED = make_offer(is_deleted=True, status=0, is_active=False, stock=0)
OFF_SHELF = make_offer(status=0, stock=0)
INACTIVE = make_offer(is_active=False)
SOLD_OUT = make_offer(stock=0)


@pytest.mark.parametrize(
    ("offer", "reason", "on_sale"),
    [
        (make_offer(), None, True),
        (make_offer(stock=1), None, True),
        (SOLD_OUT, "out_of_stock", True),
        (make_offer(stock=-1), "out_of_stock", True),
        (OFF_SHELF, "off_shelf", False),
        (make_offer(status=2), "off_shelf", False),
        (INACTIVE, "off_shelf", False),
        (DELETED, "deleted", False),
        (None, "deleted", False),
    ],
)
def test_what_cannot_be_bought_has_one_reason(
    offer: Offer | None, reason: str | None, on_sale: bool
) -> None:
    assert unavailable_reason(offer) == reason
    assert is_purchasable(offer) is (reason is None)
    assert is_on_sale(offer) is on_sale


def test_only_what_is_on_sale_can_be_asked_for() -> None:
    require_available(SOLD_OUT)
    for offer in (OFF_SHELF, INACTIVE, DELETED, None):
        with pytest.raises(ProductNotAvailable):
            require_available(offer)


def test_lines_are_set_apart_in_order() -> None:
    lines = [make_line(sku_id) for sku_id in "abcd"]
    offers = {"a": make_offer(), "b": SOLD_OUT, "d": make_offer()}

    found = sort_lines(lines, offers)

    assert found.purchasable == [(lines[0], offers["a"]), (lines[3], offers["d"])]
    assert found.unavailable == [(lines[1], SOLD_OUT), (lines[2], None)]


@pytest.mark.parametrize(
    ("values", "allowance", "highest"),
    [
        ({}, None, 10),
        ({"stock": 100}, None, 99),
        ({"stock": 99}, None, 99),
        ({"stock": 0}, None, 0),
        ({"purchase_limit": 3}, 3, 3),
        ({"purchase_limit": 3, "bought": 2}, 1, 1),
        ({"purchase_limit": 3, "bought": 3}, 0, 0),
        ({"purchase_limit": 3, "bought": 4}, 0, 0),
        ({"purchase_limit": 30, "stock": 5}, 30, 5),
    ],
)
def test_a_line_reaches_the_least_of_stock_allowance_and_limit(
    values: dict[str, Any], allowance: int | None, highest: int
) -> None:
    offer = make_offer(**values)

    assert remaining_allowance(offer) == allowance
    assert highest_quantity(offer, max_units=99) == highest


@pytest.mark.parametrize(
    ("offer", "total", "kind", "fields"),
    [
        (make_offer(), 11, InsufficientStock, {"available": 10, "in_cart": 4, "requested": 7}),
        (
            make_offer(purchase_limit=5, bought=1),
            5,
            PurchaseLimitExceeded,
            {"limit": 5, "remaining": 4, "in_cart": 4, "requested": 7},
        ),
        # Of two reasons the shop's own comes first.
        (make_offer(purchase_limit=5), 11, InsufficientStock, {"available": 10}),
        (make_offer(stock=500), 100, InvalidProductOrQuantity, {}),
        (make_offer(stock=500, purchase_limit=100), 100, InvalidProductOrQuantity, {}),
    ],
)
def test_a_refusal_says_what_stands_in_the_way(
    offer: Offer, total: int, kind: type[CartError], fields: dict[str, int]
) -> None:
    refusal = refusal_of(offer, in_cart=4, requested=7, total=total)

    assert type(refusal) is kind
    assert {name: getattr(refusal, name) for name in fields} == fields


STOCK = ("insufficient_stock", "Insufficient stock. Available: 10")
LIMIT = ("purchase_limit_exceeded", "Purchase limit exceeded. Limit: 5")
PRICE = ("price_changed", "Price changed from 1.05 to 1.50")
SNAPSHOTS = {7: Snapshot("Cup", "", 105), 8: Snapshot("Cup", "", 150)}


@pytest.mark.parametrize(
    ("quantity", "revision", "offer", "issues"),
    [
        (10, 1, make_offer(), []),
        (11, 1, make_offer(), [STOCK]),
        (5, 1, make_offer(purchase_limit=5), []),
        (5, 1, make_offer(purchase_limit=5, bought=1), [LIMIT]),
        (1, 7, make_offer(), [PRICE]),
        # A new name at the old price is no news.
        (1, 8, make_offer(), []),
        (11, 7, make_offer(purchase_limit=5), [STOCK, LIMIT, PRICE]),
        (11, 7, SOLD_OUT, [("out_of_stock", "Out of stock")]),
        (1, 7, OFF_SHELF, [("product_not_available", "Product not available")]),
        (1, 7, DELETED, [("product_not_available", "Product not available")]),
        (1, 7, None, [("product_not_available", "Product not available")]),
    ],
)
def test_a_buyer_is_told_all_that_is_wrong_with_a_line(
    quantity: int, revision: int, offer: Offer | None, issues: list[tuple[str, str]]
) -> None:
    line = make_line(quantity=quantity, revision=revision)

    found = find_issues(line, offer, SNAPSHOTS)

    assert [(issue.code, issue.message) for issue in found] == issues


def test_the_price_when_added_is_the_snapshots_or_has_not_changed() -> None:
    assert price_when_added(make_line(revision=7), make_offer(), SNAPSHOTS) == 105
    assert price_when_added(make_line(revision=9), make_offer(), SNAPSHOTS) == 150


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0.00"), (5, "0.05"), (100, "1.00"), (1999, "19.99"), (7_036_874_417_766_400, None)],
)
def test_cents_are_read_as_money(cents: int, text: str | None) -> None:
    assert format_cents(cents) == (text or "70368744177664.00")
