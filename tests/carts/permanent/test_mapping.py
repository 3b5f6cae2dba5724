"""Between hash, dataclass and rows: nothing is lost on the way, there and back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from carts.domain.cart import Cart, CartOwner, Handover, Line
from carts.live.codec import decode_cart, encode_cart
from carts.models import Cart as CartModel
from carts.models import CartItem
from carts.permanent.copies import read_carts
from carts.permanent.mapping import (
    SaveTerms,
    UnsavableCart,
    from_rows,
    to_cart_row,
    to_line_rows,
)
from tests.carts.permanent.copies import put_unsaved, save_all

TERMS = SaveTerms(prices={}, currency="CNY", ttl=timedelta(days=30))
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MONTH_MS = 30 * 24 * 3_600_000
LAST_MS = 253_402_300_799_999

ids = st.text(LETTERS, min_size=24, max_size=24)
guest_ids = st.text(LETTERS + LETTERS.upper() + "_-", min_size=8, max_size=128)
moments = st.integers(0, LAST_MS)
changes = st.integers(0, LAST_MS - MONTH_MS)
marks = st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=4).map(tuple)
owners = st.one_of(ids.map(CartOwner.for_user), guest_ids.map(CartOwner.for_guest))
lines = st.builds(
    Line,
    sku_id=ids,
    quantity=st.integers(1, 32_767),
    selected=st.booleans(),
    revision=st.integers(0, 2**32 - 1),
    added_ms=moments,
    updated_ms=moments,
)
handovers = st.none() | st.builds(
    Handover, user_id=ids, strategy=st.sampled_from(["sum", "max", "guest_wins", "user_wins"])
)


def in_order(found: list[Line]) -> tuple[Line, ...]:
    return tuple(sorted(found, key=lambda line: (line.added_ms, line.sku_id)))


def carts(whose: st.SearchStrategy[CartOwner]) -> st.SearchStrategy[Cart]:
    return st.builds(
        Cart,
        id=ids,
        owner=whose,
        version=st.integers(1, 2**53),
        created_ms=moments,
        updated_ms=changes,
        lines=st.lists(lines, max_size=8, unique_by=lambda line: line.sku_id).map(in_order),
        status=st.sampled_from(["ACTIVE", "EXPIRED", "CHECKEDOUT"]),
        handover=handovers,
        merged=marks,
        settled=marks,
    )


def as_redis(fields: dict[str, Any]) -> dict[bytes, bytes]:
    return {
        name.encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in fields.items()
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(carts(owners))
def test_a_hash_becomes_rows_and_the_same_hash_again(cart: Cart) -> None:
    fields = as_redis(encode_cart(cart))

    living = decode_cart(cart.owner, fields)
    back = from_rows(to_cart_row(living, TERMS), to_line_rows(living, TERMS)[::-1])

    assert back == living == cart
    assert as_redis(encode_cart(back)) == fields


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    found=st.lists(
        carts(guest_ids.map(CartOwner.for_guest)), max_size=20, unique_by=lambda cart: cart.owner
    )
)
def test_the_database_gives_back_what_was_saved(found: list[Cart], redis_server: Redis) -> None:
    redis_server.flushdb()
    CartItem.objects.all().delete()
    CartModel.objects.all().delete()
    kept = {f"{number:024}": replace(cart, id=f"{number:024}") for number, cart in enumerate(found)}
    for cart in kept.values():
        put_unsaved(redis_server, cart)

    save_all()

    assert read_carts(list(kept)) == kept


LINE = Line("s" * 24, 1, True, 1, 1, 1)
CART = Cart("c" * 24, CartOwner.for_guest("guest-12345678"), 1, 1, 1, (LINE,))


@pytest.mark.parametrize(
    "cart",
    [
        replace(CART, id="c" * 25),
        replace(CART, id='c"'),
        replace(CART, owner=CartOwner.for_guest("no such guest")),
        replace(CART, owner=CartOwner.for_guest("g" * 129)),
        replace(CART, version=0),
        replace(CART, version=2**63),
        replace(CART, created_ms=LAST_MS + 1),
        replace(CART, updated_ms=LAST_MS - MONTH_MS + 1),
        replace(CART, merged=("line\nfeed",)),
        replace(CART, settled=("\\",)),
        replace(CART, lines=(LINE._replace(sku_id='s"'),)),
        replace(CART, lines=(LINE._replace(quantity=0),)),
        replace(CART, lines=(LINE._replace(added_ms=2**64 - 1),)),
        replace(CART, lines=(LINE._replace(updated_ms=2**64 - 1),)),
    ],
)
def test_what_no_row_can_hold_is_refused(cart: Cart) -> None:
    to_cart_row(CART, TERMS)
    to_line_rows(CART, TERMS)

    with pytest.raises(UnsavableCart):
        (to_cart_row(cart, TERMS), to_line_rows(cart, TERMS))


def test_total_and_units_count_selected_lines_that_have_a_price() -> None:
    cart = replace(
        CART,
        lines=(
            Line("selected", 2, True, 1, 1, 1),
            Line("deselected", 3, False, 1, 1, 1),
            Line("unpurchasable", 4, True, 1, 1, 1),
            Line("unknown", 5, True, 1, 1, 1),
        ),
    )
    prices = {"selected": 14_999, "deselected": 100, "unpurchasable": None}

    row = to_cart_row(cart, replace(TERMS, prices=prices))

    assert (row.total_amount, row.item_count) == (29_998, 2)
    assert row.expires_at == 1 + MONTH_MS
