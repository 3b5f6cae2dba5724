"""What is left of a cart when units of it have been bought, as tables."""

from dataclasses import replace

import pytest

from carts.domain.settling import Purchase, take_purchases
from tests.carts.domain.goods import make_cart, make_line

CART = make_cart(make_line("a", 3), make_line("b", 1))


@pytest.mark.parametrize(
    ("purchases", "left", "status"),
    [
        ([], {"a": 3, "b": 1}, "ACTIVE"),
        ([{"a": 2}], {"a": 1, "b": 1}, "ACTIVE"),
        ([{"a": 3}], {"b": 1}, "ACTIVE"),
        ([{"a": 5}], {"b": 1}, "ACTIVE"),
        ([{"c": 5}], {"a": 3, "b": 1}, "ACTIVE"),
        ([{"a": 1}, {"a": 1}], {"a": 1, "b": 1}, "ACTIVE"),
        ([{"a": 3, "b": 1}], {}, "CHECKEDOUT"),
        ([{"a": 3}, {"b": 1}], {}, "CHECKEDOUT"),
    ],
)
def test_bought_units_leave_and_a_cart_ends_with_its_last_line(
    purchases: list[dict[str, int]], left: dict[str, int], status: str
) -> None:
    bought = [Purchase(f"order-{number}", units) for number, units in enumerate(purchases)]

    result = take_purchases(CART, bought)

    assert {line.sku_id: line.quantity for line in result.lines} == left
    assert result.status == status
    assert result.settled == tuple(purchase.token for purchase in bought)


def test_a_purchase_leaves_a_cart_once() -> None:
    bought = Purchase("order-1", {"a": 2})
    once = take_purchases(CART, [bought])

    assert take_purchases(once, [bought]) == once


def test_an_empty_cart_is_not_ended_by_a_purchase() -> None:
    empty = replace(CART, lines=())

    assert take_purchases(empty, [Purchase("order-1", {"a": 1})]).status == "ACTIVE"
