"""What is read as a cart, and what is not: one error for all of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from carts.domain.cart import Cart, CartOwner, Line
from carts.domain.errors import CartUnreadable
from carts.live.codec import (
    LiveCart,
    encode_line,
    parse_cart,
    parse_live_cart,
    parse_units,
)

GUEST = CartOwner.for_guest("guest-of-the-codec")
LINE = Line("sku1", 3, selected=False, revision=7, added_ms=5, updated_ms=6)
META = {b"@id": b"c1", b"@version": b"9", b"@created": b"1", b"@updated": b"2"}


def as_reply(fields: dict[bytes, bytes]) -> list[bytes]:
    return [part for pair in fields.items() for part in pair]


SPOILED: dict[str, Any] = {
    "another type of key": ResponseError("WRONGTYPE Operation against a key"),
    "a text of the script": b"WRONGTYPE Operation against a key",
    "an odd reply": [*as_reply(META), b"sku1"],
    "no id": as_reply({name: value for name, value in META.items() if name != b"@id"}),
    "an id that is no text": as_reply(META | {b"@id": b"\xff"}),
    "a version that is no number": as_reply(META | {b"@version": b"none"}),
    "an unknown status": as_reply(META | {b"@status": b"LOST"}),
    "a line that is too short": as_reply(META | {b"sku1": b"3"}),
    "a line without a name": as_reply(META | {b"": encode_line(LINE)}),
}


def test_a_hash_is_read_as_its_cart() -> None:
    reply = as_reply(META | {b"sku1": encode_line(LINE), b"@saved": b"4,8"})
    cart = Cart("c1", GUEST, version=9, created_ms=1, updated_ms=2, lines=(LINE,))

    assert parse_cart(GUEST, reply) == cart
    assert parse_live_cart(GUEST, reply) == LiveCart(cart, known_versions=(4, 8))
    assert parse_units(encode_line(LINE)) == 3


def test_no_hash_is_no_cart() -> None:
    assert parse_cart(GUEST, []) is None
    assert parse_live_cart(GUEST, []) is None
    assert parse_live_cart(GUEST, None) is None


@pytest.mark.parametrize("reply", SPOILED.values(), ids=SPOILED)
def test_whatever_else_is_there_is_one_error(reply: Any) -> None:
    for parse in (parse_cart, parse_live_cart):
        with pytest.raises(CartUnreadable):
            parse(GUEST, reply)


def test_saved_versions_that_are_no_numbers_are_unreadable_to_a_saver_alone() -> None:
    reply = as_reply(META | {b"@saved": b"soon"})

    assert parse_cart(GUEST, reply) is not None
    with pytest.raises(CartUnreadable):
        parse_live_cart(GUEST, reply)


def test_a_value_that_is_no_line_has_no_units() -> None:
    with pytest.raises(CartUnreadable):
        parse_units(b"3")


@given(st.dictionaries(st.sampled_from([*META, b"@status", b"@merging", b"sku1"]), st.binary()))
def test_no_hash_at_all_ends_in_another_error(fields: dict[bytes, bytes]) -> None:
    try:
        found = parse_live_cart(GUEST, as_reply(fields))
    except CartUnreadable:
        return

    assert found is None or found.cart.owner == GUEST


def test_a_copy_descends_from_what_was_saved_or_read_to_be_saved() -> None:
    cart = Cart("c1", GUEST, version=9, created_ms=1, updated_ms=2)
    live = LiveCart(cart, known_versions=(4, 6, 8))

    descends = [version for version in range(1, 11) if live.descends_from(version)]

    assert descends == [1, 2, 3, 4, 6, 8, 9]
