"""How much of a cancelled order goes back into a cart, as a table."""

import pytest

from carts.domain.merging import MergeLimits
from carts.domain.returning import OrderedLine, ReturnedLine, plan_return
from products.offers import Offer
from tests.carts.domain.goods import make_cart, make_line, make_offer

LIMITS = MergeLimits(max_lines=2, max_units=99)


@pytest.mark.parametrize(
    ("in_cart", "units", "offer", "returned"),
    [
        (0, 4, make_offer(), (4, None)),
        (3, 4, make_offer(), (4, None)),
        (8, 4, make_offer(), (2, "insufficient_stock")),
        (12, 4, make_offer(), (0, "insufficient_stock")),
        (1, 4, make_offer(purchase_limit=3), (2, "purchase_limit_exceeded")),
        (0, 4, make_offer(purchase_limit=3, bought=3), (0, "purchase_limit_exceeded")),
        (97, 4, make_offer(stock=500), (2, "line_limit")),
        (0, 4, make_offer(stock=0), (4, None)),
        (0, 4, None, (4, None)),
    ],
)
def test_units_go_back_up_to_what_can_be_bought(
    in_cart: int, units: int, offer: Offer | None, returned: tuple[int, str | None]
) -> None:
    cart = make_cart(*([make_line("a", in_cart)] if in_cart else []))
    offers = {"a": offer} if offer is not None else {}

    planned = plan_return(
        cart=cart, lines=[OrderedLine("a", units, True)], offers=offers, limits=LIMITS
    )

    assert [(line.requested, line.quantity, line.reason) for line in planned] == [(4, *returned)]


def test_a_line_without_a_place_stays_out_and_one_without_units_takes_none() -> None:
    offers = {sku_id: make_offer(sku_id=sku_id) for sku_id in "acd"}
    offers["b"] = make_offer(sku_id="b", purchase_limit=1, bought=1)
    lines = [OrderedLine(sku_id, 1, True) for sku_id in "bcda"]

    planned = plan_return(
        cart=make_cart(make_line("a", 1)), lines=lines, offers=offers, limits=LIMITS
    )

    assert planned == (
        ReturnedLine("b", 1, 0, "purchase_limit_exceeded"),
        ReturnedLine("c", 1, 1),
        ReturnedLine("d", 1, 0, "cart_full"),
        ReturnedLine("a", 1, 1),
    )
