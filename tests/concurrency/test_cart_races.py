"""The same cart changed by many at the same time: every unit counted, and counted once.

Each race is also run with its guard off, where it must show.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from threading import Barrier
from typing import Any
from unittest.mock import ANY

import pytest
from django.conf import settings
from django.test import override_settings
from redis import Redis

from carts.domain.cart import CartOwner
from carts.live.keys import cart_key
from carts.operations.reading import read_cart
from products.models import Sku
from tests.carts.shopper import Shopper, addition_of, new_guest, new_user, quantities_of
from tests.factories import ProductFactory, SkuFactory
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.scripts import change_scripts
from tests.steps import (
    BEGIN_MERGE,
    FINISH_MERGE,
    MAKE_MERGE_TOKEN,
    SAVE_FOR_MERGE,
    act_after,
    act_before,
    replace_step,
)

pytestmark = pytest.mark.django_db(transaction=True)

DEVICES = 50


@pytest.fixture(autouse=True)
def _no_limits() -> Iterator[None]:
    caches = deepcopy(settings.CACHES)
    # So many threads may wait longer for their turn than a server may take to answer.
    caches["carts"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]["socket_timeout"] = PATIENCE_SECONDS
    with override_settings(
        CACHES=caches,
        RATE_LIMIT_CART_WRITES=0,
        RATE_LIMIT_CART_WRITES_PER_ADDRESS=0,
        RATE_LIMIT_MERGE=0,
    ):
        yield


def call_together(
    shopper: Shopper, method: str, path: str, bodies: list[Any]
) -> list[tuple[int, Any]]:
    """Send all bodies at once, each from a device of its own; return statuses and data."""

    def send(body: Any) -> tuple[int, Any]:
        response = Shopper(shopper.owner_id, shopper.headers).call(method, path, body)
        return response.status_code, json.loads(response.content)["data"]

    outcomes = run_together(send, bodies, threads=len(bodies))
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes  # type: ignore[return-value]


def statuses(answers: list[tuple[int, Any]]) -> Counter[int]:
    return Counter(status for status, _ in answers)


@pytest.mark.parametrize("make", [new_guest, new_user], ids=["guest", "user"])
def test_fifty_additions_of_one_sku_at_once_make_fifty_units(make: Callable[[], Shopper]) -> None:
    shopper, sku = make(), SkuFactory.create(stock=100)

    answers = call_together(shopper, "POST", "/cart", [addition_of(sku)] * DEVICES)

    assert statuses(answers) == {200: DEVICES}
    assert quantities_of(shopper.cart()) == {sku.id: DEVICES}
    seen = sorted(quantities_of(cart)[sku.id] for _, cart in answers)
    assert seen == list(range(1, DEVICES + 1))


@pytest.mark.parametrize("make", [new_guest, new_user], ids=["guest", "user"])
def test_fifty_additions_of_different_skus_at_once_make_fifty_lines(
    make: Callable[[], Shopper],
) -> None:
    shopper, skus = make(), SkuFactory.create_batch(DEVICES, product=ProductFactory.create())

    answers = call_together(shopper, "POST", "/cart", [addition_of(sku) for sku in skus])

    assert statuses(answers) == {200: DEVICES}
    assert quantities_of(shopper.cart()) == {sku.id: 1 for sku in skus}
    assert len({cart["version"] for _, cart in answers}) == DEVICES


def test_eight_thousand_additions_by_sixteen_devices_are_all_counted() -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=10_000)

    def add_500(device: Shopper) -> int:
        return sum(device.add(sku)["itemCount"] > 0 for _ in range(500))

    done = run_together(add_500, [Shopper("", guest.headers) for _ in range(16)])

    assert done == [500] * 16
    assert quantities_of(guest.cart()) == {sku.id: 8_000}


def write_back_what_was_read(
    monkeypatch: pytest.MonkeyPatch, redis: Redis, shopper: Shopper
) -> None:
    """Have every addition go on from the cart as it is now, as if all had read it by then."""
    key = cart_key(CartOwner.for_guest(shopper.owner_id))
    redis.copy(key, f"read:{key}")
    look = b"local status = open_cart()"
    read_before = b"redis.call('COPY', 'read:' .. cart_key, cart_key, 'REPLACE')\n"
    change_scripts(monkeypatch, "add_units", look, read_before + look)


def test_without_looking_at_the_cart_anew_additions_of_one_sku_overwrite_each_other(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=100)
    guest.add(sku)
    write_back_what_was_read(monkeypatch, redis_server, guest)

    answers = call_together(guest, "POST", "/cart", [addition_of(sku)] * DEVICES)

    assert statuses(answers) == {200: DEVICES}
    assert quantities_of(guest.cart()) == {sku.id: 2}


def test_without_looking_at_the_cart_anew_additions_of_different_skus_overwrite_each_other(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest, first = new_guest(), SkuFactory.create()
    guest.add(first)
    skus = SkuFactory.create_batch(DEVICES, product=ProductFactory.create())
    write_back_what_was_read(monkeypatch, redis_server, guest)

    answers = call_together(guest, "POST", "/cart", [addition_of(sku) for sku in skus])

    assert statuses(answers) == {200: DEVICES}
    assert len(quantities_of(guest.cart())) == 2


def test_additions_at_once_stop_at_the_stock() -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=10)

    answers = call_together(guest, "POST", "/cart", [addition_of(sku, 3)] * 16)

    assert statuses(answers) == {200: 3, 409: 13}
    assert quantities_of(guest.cart()) == {sku.id: 9}


def test_of_many_requests_with_one_idempotency_key_one_counts() -> None:
    guest, sku = new_guest(), SkuFactory.create()
    keyed = Shopper(guest.owner_id, guest.headers | {"Idempotency-Key": "once"})

    answers = call_together(keyed, "POST", "/cart", [addition_of(sku, 2)] * 16)

    assert statuses(answers).keys() <= {200, 409}
    assert quantities_of(guest.cart()) == {sku.id: 2}


def fill(guest: Shopper, user: Shopper) -> tuple[Sku, Sku]:
    """Give the guest 2 units of one SKU and 3 of another, of which the user has one."""
    both, theirs = SkuFactory.create_batch(2, stock=1000)
    guest.add(both, 2)
    guest.add(theirs, 3)
    user.add(both, 1)
    return both, theirs


def test_twenty_merges_at_once_merge_once() -> None:
    guest, user = new_guest(), new_user()
    both, theirs = fill(guest, user)
    body = {"guestSessionId": guest.owner_id}

    answers = call_together(user, "POST", "/cart/merge", [body] * 20)

    assert statuses(answers) == {200: 20}
    assert quantities_of(user.cart()) == {both.id: 3, theirs.id: 3}
    assert sum(cart["merge"]["mergedItems"] for _, cart in answers) == 2
    assert guest.cart()["items"] == []


@pytest.fixture
def meet_before_finishing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Hold merges until so many have written their lines, and none has emptied the guest's."""

    def hold(merges: int) -> None:
        everybody = Barrier(merges)
        act_before(monkeypatch, FINISH_MERGE, lambda: everybody.wait(PATIENCE_SECONDS))

    return hold


def test_merges_that_all_read_the_guests_lines_add_them_once(
    meet_before_finishing: Callable[[int], None],
) -> None:
    guest, user = new_guest(), new_user()
    both, theirs = fill(guest, user)
    meet_before_finishing(4)

    answers = call_together(user, "POST", "/cart/merge", [{"guestSessionId": guest.owner_id}] * 4)

    assert statuses(answers) == {200: 4}
    assert quantities_of(user.cart()) == {both.id: 3, theirs.id: 3}


def test_without_the_merge_token_they_add_them_each(
    meet_before_finishing: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    guest, user = new_guest(), new_user()
    both, theirs = fill(guest, user)
    meet_before_finishing(4)
    replace_step(monkeypatch, MAKE_MERGE_TOKEN, lambda *_: secrets.token_hex(6))

    call_together(user, "POST", "/cart/merge", [{"guestSessionId": guest.owner_id}] * 4)

    assert quantities_of(user.cart()) == {both.id: 1 + 4 * 2, theirs.id: 4 * 3}


def claim_together(guest: Shopper, users: list[Shopper]) -> list[int]:
    def claim(user: Shopper) -> int:
        status: int = user.call(
            "POST", "/cart/merge", {"guestSessionId": guest.owner_id}
        ).status_code
        return status

    return run_together(claim, users, threads=len(users))  # type: ignore[return-value]


@pytest.mark.parametrize("attempt", range(5))
def test_of_two_users_who_claim_a_guest_one_gets_the_units(attempt: int) -> None:
    guest, sku = new_guest(), SkuFactory.create()
    users = [new_user(), new_user()]
    guest.add(sku, 2)

    answered = claim_together(guest, users)

    held = sorted(quantities_of(user.cart()).get(sku.id, 0) for user in users)
    assert answered == [200, 200]
    assert held == [0, 2]
    assert guest.cart()["items"] == []


def test_without_the_handover_mark_both_get_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    guest, sku = new_guest(), SkuFactory.create()
    users = [new_user(), new_user()]
    guest.add(sku, 2)
    both_have_begun = Barrier(2)

    def save_nothing(*, owner: CartOwner, source: str) -> Any:
        return ANY if owner.is_guest else read_cart(owner)

    change_scripts(monkeypatch, "begin_merge", b"if meta[2] then", b"if false then")
    act_after(monkeypatch, BEGIN_MERGE, lambda: both_have_begun.wait(PATIENCE_SECONDS))
    # The permanent copy would not let a second handover pass.
    replace_step(monkeypatch, SAVE_FOR_MERGE, save_nothing)
    claim_together(guest, users)

    assert [quantities_of(user.cart()) for user in users] == [{sku.id: 2}] * 2
