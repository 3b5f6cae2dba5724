"""What an order takes out of its cart: exactly that, once, whatever is lost on the way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from carts.domain.cart import Cart, CartOwner, Line
from carts.domain.settling import Purchase, take_purchases
from carts.live import store
from carts.live.store import ChangeContext
from carts.models import PendingSettlement
from carts.operations.merging import merge_carts
from carts.operations.purchasing import schedule_settlement
from carts.operations.reading import read_cart
from carts.operations.settling import settle_order, settle_pending
from carts.permanent.saving import save_cart
from products.models import Sku
from tests.carts.permanent.copies import hash_of, owner_of, save_all, saved_units
from tests.carts.shopper import Shopper, item_id, quantities_of
from tests.factories import SkuFactory
from tests.steps import APPLY_MERGE, SAVE_SETTLED, TAKE_LINES, act_before, act_before_next

pytestmark = pytest.mark.django_db

CONTEXT = ChangeContext(source="order")


def buy(shopper: Shopper, units: dict[Sku, int], order_id: str = "order1") -> str:
    """Do what an order does up to the commit of its transaction; return the cart's id."""
    owner = owner_of(shopper)
    cart_id: str = shopper.cart()["id"]
    save_cart(owner=owner, source="test")
    schedule_settlement(
        order_id=order_id,
        owner=owner,
        cart_id=cart_id,
        units={sku.id: bought for sku, bought in units.items()},
    )
    return cart_id


def settle(order_id: str = "order1") -> bool:
    return settle_order(order_id=order_id, context=CONTEXT)


class Crashed(Exception):
    """The process ended here."""


def crash() -> None:
    raise Crashed


def lose_nothing(redis: Redis) -> None:
    """Leave Redis as it is."""


def lose_everything(redis: Redis) -> None:
    redis.flushdb()


Losing = Callable[[Redis], None]
either_way = pytest.mark.parametrize("lose", [lose_nothing, lose_everything])


@either_way
def test_the_bought_units_leave_the_cart(
    lose: Losing, shopper: Shopper, redis_server: Redis
) -> None:
    bought, partly, other = SkuFactory.create_batch(3)
    shopper.add(bought, 2)
    shopper.add(partly, 5)
    shopper.add(other, 1)
    buy(shopper, {bought: 2, partly: 3})
    lose(redis_server)

    assert settle()

    expected = {partly.id: 2, other.id: 1}
    assert quantities_of(shopper.cart()) == saved_units(shopper) == expected
    assert PendingSettlement.objects.count() == 0
    redis_server.flushdb()
    assert quantities_of(shopper.cart()) == expected


@either_way
def test_settling_again_takes_nothing(lose: Losing, shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 5)
    buy(shopper, {sku: 2})
    settle()
    lose(redis_server)

    assert settle()

    assert quantities_of(shopper.cart()) == {sku.id: 3}


@either_way
def test_a_crash_between_the_cart_and_its_copy_takes_the_units_once(
    lose: Losing, shopper: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 5)
    buy(shopper, {sku: 2})
    with monkeypatch.context() as patch:
        act_before(patch, SAVE_SETTLED, crash)
        with pytest.raises(Crashed):
            settle()
    lose(redis_server)
    assert quantities_of(shopper.cart()) == {sku.id: 3}

    assert settle()

    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 3}


@either_way
def test_units_added_before_settling_stay(
    lose: Losing, shopper: Shopper, redis_server: Redis
) -> None:
    sku, other, new = SkuFactory.create_batch(3)
    shopper.add(sku, 2)
    shopper.add(other, 1)
    buy(shopper, {sku: 2})
    lose(redis_server)
    shopper.add(sku, 3)
    shopper.add(new, 1)

    assert settle()

    expected = {sku.id: 3, other.id: 1, new.id: 1}
    assert quantities_of(shopper.cart()) == saved_units(shopper) == expected


@either_way
def test_lines_removed_before_settling_stay_away(
    lose: Losing, shopper: Shopper, redis_server: Redis
) -> None:
    sku, other = SkuFactory.create_batch(2)
    shopper.add(other)
    cart = shopper.add(sku, 2)
    buy(shopper, {sku: 2})
    shopper.data("DELETE", f"/cart/item/{item_id(cart, sku)}")
    lose(redis_server)

    settle()
    shopper.add(sku, 1)
    settle()

    assert quantities_of(shopper.cart()) == {other.id: 1, sku.id: 1}


@either_way
def test_a_cart_whose_last_line_is_bought_ends(
    lose: Losing, shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    cart_id = buy(shopper, {sku: 2})
    lose(redis_server)

    settle()

    ended = shopper.cart()
    assert (ended["id"], ended["status"], ended["items"]) == (cart_id, "CHECKEDOUT", [])
    redis_server.flushdb()
    started = shopper.add(sku)
    assert started["id"] != cart_id
    assert (started["status"], quantities_of(started)) == ("ACTIVE", {sku.id: 1})


def test_a_cart_that_was_emptied_by_hand_does_not_end(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    cart_id = buy(shopper, {sku: 2})
    shopper.data("DELETE", "/cart/clear")

    settle()

    assert (shopper.cart()["id"], shopper.cart()["status"]) == (cart_id, "ACTIVE")


def test_a_late_settlement_leaves_the_next_cart_alone(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    buy(shopper, {sku: 2}, "order1")
    buy(shopper, {sku: 2}, "order2")
    settle("order2")
    shopper.add(sku, 1)

    assert settle("order1")

    assert quantities_of(shopper.cart()) == {sku.id: 1}
    assert PendingSettlement.objects.count() == 0


def test_units_added_just_before_the_bought_ones_are_taken_stay(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    buy(shopper, {sku: 2})
    act_before_next(monkeypatch, TAKE_LINES, lambda: shopper.add(sku, 3))

    assert settle()

    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 3}


def test_the_script_takes_the_units_of_an_order_once(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 5)
    owner = owner_of(shopper)

    statuses = [
        store.take_lines(read_cart(owner), CONTEXT, token="order1", units={sku.id: 2}).status
        for _ in range(2)
    ]

    assert statuses == ["done", "settled"]
    assert quantities_of(shopper.cart()) == {sku.id: 3}


def test_a_cart_remembers_its_last_orders_only(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 20)
    for number in range(6):
        buy(shopper, {sku: 2}, f"order{number}")
        assert settle(f"order{number}")
        marks = hash_of(redis_server, shopper)[b"@settled"].split(b",")
        assert len(marks) == min(number + 1, 4)


def test_all_orders_of_an_owner_are_settled(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 20)
    for number in range(6):
        buy(shopper, {sku: 2}, f"order{number}")
    redis_server.flushdb()

    settle_pending(owner=owner_of(shopper), context=CONTEXT)

    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 8}
    assert PendingSettlement.objects.count() == 0


def test_a_restored_cart_without_bought_units_has_a_version_of_its_own(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    before = shopper.add(sku, 2)
    buy(shopper, {sku: 1})
    redis_server.flushdb()

    after = shopper.cart()

    assert after["version"] > before["version"]
    save_all()
    assert saved_units(shopper) == {sku.id: 1}


def test_the_change_log_tells_of_the_purchase(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 5)
    buy(shopper, {sku: 2})

    settle()

    entries: Any = redis_server.xrevrange("cart:changes", count=1)
    [(_, entry)] = entries
    told = {name: entry[name] for name in (b"action", b"sku", b"before", b"after", b"source")}
    assert told == {
        b"action": b"purchase", b"sku": sku.id.encode(), b"before": b"5", b"after": b"3",
        b"source": b"order",
    }  # fmt: skip


def test_what_a_guest_bought_does_not_come_along_at_login(guest: Shopper, user: Shopper) -> None:
    bought, kept = SkuFactory.create_batch(2)
    guest.add(bought, 2)
    guest.add(kept, 1)
    buy(guest, {bought: 2})

    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert quantities_of(user.cart()) == {kept.id: 1}


def test_a_cart_that_is_being_merged_is_settled_later(
    guest: Shopper, user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    with monkeypatch.context() as patch:
        act_before(patch, APPLY_MERGE, crash)
        with pytest.raises(Crashed):
            merge_carts(guest=owner_of(guest), user=owner_of(user), strategy=None, context=CONTEXT)
    schedule_settlement(order_id="o", owner=owner_of(guest), cart_id="c" * 24, units={sku.id: 1})

    assert not settle("o")

    assert PendingSettlement.objects.count() == 1


def test_an_order_nobody_scheduled_is_settled() -> None:
    assert settle("unknown")


def line(sku_id: str, quantity: int) -> Line:
    return Line(sku_id, quantity, True, 1, 1, 1)


CART = Cart("c" * 24, CartOwner.for_guest("guest-12345678"), 1, 1, 1, (line("a", 3), line("b", 1)))


@pytest.mark.parametrize(
    ("units", "left", "status"),
    [
        ({"a": 1}, {"a": 2, "b": 1}, "ACTIVE"),
        ({"a": 3}, {"b": 1}, "ACTIVE"),
        ({"a": 4}, {"b": 1}, "ACTIVE"),
        ({"x": 1}, {"a": 3, "b": 1}, "ACTIVE"),
        ({"a": 3, "b": 1}, {}, "CHECKEDOUT"),
    ],
)
def test_taking_purchases(units: dict[str, int], left: dict[str, int], status: str) -> None:
    cart = take_purchases(CART, [Purchase("t", units)])

    assert {line.sku_id: line.quantity for line in cart.lines} == left
    assert (cart.status, cart.settled) == (status, ("t",))


def test_a_purchase_that_has_left_is_not_taken_again() -> None:
    cart = replace(CART, settled=("t",))

    assert take_purchases(cart, [Purchase("t", {"a": 1})]) == cart
