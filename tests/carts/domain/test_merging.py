"""Which quantities a merge leaves, as tables."""

from collections.abc import Mapping

import pytest

from carts.domain.merging import (
    CappedLine,
    MergedLine,
    MergeLimits,
    MergePlan,
    SkippedLine,
    Strategy,
    cap_units,
    plan_merge,
)
from products.offers import Offer
from tests.carts.domain.goods import make_cart, make_line, make_offer

LIMITS = MergeLimits(max_lines=3, max_units=99)
OFFERS = {sku_id: make_offer(sku_id=sku_id) for sku_id in "abcd"}


def plan(
    user: str,
    guest: str,
    strategy: Strategy = "sum",
    *,
    offers: Mapping[str, Offer] = OFFERS,
    limits: MergeLimits = LIMITS,
) -> MergePlan:
    """Plan the merge of carts that are written as "a2 b1"; a line in brackets is not selected."""
    carts = {
        name: make_cart(
            *(
                make_line(
                    entry.strip("()")[0],
                    int(entry.strip("()")[1:]),
                    selected=entry[0] != "(",
                    revision=revision,
                )
                for entry in text.split()
            )
        )
        for name, text, revision in (("user", user, 5), ("guest", guest, 7))
    }
    return plan_merge(**carts, offers=offers, strategy=strategy, limits=limits)


@pytest.mark.parametrize(
    ("strategy", "quantity", "selected"),
    [("sum", 5, True), ("max", 3, True), ("guest_wins", 2, False), ("user_wins", 3, True)],
)
def test_a_line_of_both_carts(strategy: Strategy, quantity: int, selected: bool) -> None:
    planned = plan("a3", "(a2)", strategy)

    assert planned == MergePlan((MergedLine("a", quantity, selected, revision=5),))


@pytest.mark.parametrize("strategy", ["sum", "max", "guest_wins", "user_wins"])
def test_a_line_of_the_guest_alone_comes_over_as_it_is(strategy: Strategy) -> None:
    assert plan("a3", "(b2)", strategy) == MergePlan((MergedLine("b", 2, False, revision=7),))


@pytest.mark.parametrize(
    ("strategy", "user", "guest", "selected"),
    [
        ("sum", "(a1)", "a1", True),
        ("sum", "(a1)", "(a1)", False),
        ("max", "a1", "(a1)", True),
        ("guest_wins", "(a1)", "a1", True),
        ("user_wins", "(a1)", "a1", False),
    ],
)
def test_a_line_is_selected_if_either_was_or_as_the_winner_has_it(
    strategy: Strategy, user: str, guest: str, selected: bool
) -> None:
    [line] = plan(user, guest, strategy).lines

    assert line.selected is selected


def test_lines_of_the_user_alone_are_not_written() -> None:
    assert plan("a3 b1", "") == MergePlan()


@pytest.mark.parametrize(
    ("wanted", "offer", "capped"),
    [
        (10, make_offer(), (10, None)),
        (11, make_offer(), (10, "insufficient_stock")),
        (6, make_offer(purchase_limit=7, bought=2), (5, "purchase_limit_exceeded")),
        (6, make_offer(purchase_limit=5, stock=5), (5, "insufficient_stock")),
        (1, make_offer(purchase_limit=2, bought=2), (0, "purchase_limit_exceeded")),
        (1, make_offer(purchase_limit=2, bought=3), (0, "purchase_limit_exceeded")),
        (100, make_offer(stock=500), (99, "line_limit")),
        (100, make_offer(stock=500, purchase_limit=99), (99, "line_limit")),
        (100, make_offer(stock=99), (99, "insufficient_stock")),
        (50, make_offer(stock=0), (50, None)),
        (100, make_offer(stock=0), (99, "line_limit")),
        (50, make_offer(is_deleted=True, purchase_limit=1), (50, None)),
        (50, None, (50, None)),
        (100, None, (99, "line_limit")),
    ],
)
def test_units_are_capped_at_what_can_be_bought(
    wanted: int, offer: Offer | None, capped: tuple[int, str | None]
) -> None:
    assert cap_units(wanted, offer, 99) == capped


def test_a_capped_line_is_told() -> None:
    planned = plan("a6", "a7")

    assert planned.lines == (MergedLine("a", 10, True, revision=5),)
    assert planned.capped == (CappedLine("a", 13, 10, "insufficient_stock"),)


def test_a_line_without_a_unit_left_is_skipped_and_takes_no_place() -> None:
    offers = OFFERS | {"b": make_offer(sku_id="b", purchase_limit=1, bought=1)}

    planned = plan("a1", "b1 c1 d1", offers=offers)

    assert [line.sku_id for line in planned.lines] == ["c", "d"]
    assert planned.skipped == (SkippedLine("b", 1, "purchase_limit_exceeded"),)


def test_a_full_cart_takes_what_it_has_a_place_for_in_the_guests_order() -> None:
    planned = plan("a1 b1", "d1 c2 a1")

    assert [(line.sku_id, line.quantity) for line in planned.lines] == [("d", 1), ("a", 2)]
    assert planned.skipped == (SkippedLine("c", 2, "cart_full"),)


def test_what_cannot_be_bought_comes_over_all_the_same() -> None:
    assert plan("", "a2", offers={}) == MergePlan((MergedLine("a", 2, True, revision=7),))
