"""What becomes of a living cart that is older than its copy, as tables."""

from dataclasses import replace

import pytest

from carts.domain.cart import Cart, Line
from carts.domain.uniting import leave_out_lines, unite_carts
from tests.carts.domain.goods import make_cart, make_line


def at(time_ms: int, *lines: Line) -> Cart:
    """Return a cart that was changed last at this time, which is its version, too."""
    return make_cart(*lines, version=time_ms, updated_ms=time_ms)


@pytest.mark.parametrize(
    ("living", "copy", "united"),
    [
        ([], [], {}),
        ([make_line("a", 1, 10)], [make_line("a", 2, 20)], {"a": 2}),
        ([make_line("a", 1, 10)], [], {}),
        ([make_line("a", 1, 30)], [], {"a": 1}),
        ([make_line("a", 1, 30)], [make_line("a", 2, 20)], {"a": 1}),
        ([], [make_line("a", 2, 20)], {"a": 2}),
        ([make_line("b", 5, 30)], [make_line("a", 2, 20)], {"a": 2, "b": 5}),
    ],
    ids=[
        "both empty", "only the copy changed", "removed in the copy", "added since",
        "changed in both", "added in the copy", "something added in both",
    ],
)  # fmt: skip
def test_uniting(living: list[Line], copy: list[Line], united: dict[str, int]) -> None:
    result = unite_carts(living=at(30, *living), copy=at(20, *copy))

    assert {line.sku_id: line.quantity for line in result.lines} == united


def test_an_ended_copy_stays_ended_unless_lines_came_since() -> None:
    ended = replace(at(20), status="CHECKEDOUT")

    same = unite_carts(living=at(10, make_line("a", 1, 10)), copy=ended)
    alive = unite_carts(living=at(30, make_line("a", 1, 30)), copy=ended)

    assert (same.status, same.lines) == ("CHECKEDOUT", ())
    assert (alive.status, len(alive.lines)) == ("ACTIVE", 1)


def test_marks_of_both_are_kept_without_repetition() -> None:
    living = replace(at(10), merged=("a", "b"), settled=("x",))
    copy = replace(at(20), merged=("a", "c"), settled=("x",))

    united = unite_carts(living=living, copy=copy)

    assert (united.merged, united.settled) == (("a", "c", "b"), ("x",))


def test_identity_version_and_times_are_the_copys() -> None:
    living = replace(at(30), id="l" * 24, created_ms=3)

    united = unite_carts(living=living, copy=at(20))

    assert united == at(20)


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ([], {"a": 3, "b": 1}),
        ([make_line("a", 2)], {"a": 1, "b": 1}),
        ([make_line("a", 3)], {"b": 1}),
        ([make_line("a", 9), make_line("b", 1)], {}),
        ([make_line("c", 1)], {"a": 3, "b": 1}),
    ],
)
def test_units_that_are_left_out(gone: list[Line], left: dict[str, int]) -> None:
    cart = make_cart(make_line("a", 3), make_line("b", 1))

    result = leave_out_lines(cart, gone)

    assert {line.sku_id: line.quantity for line in result.lines} == left
