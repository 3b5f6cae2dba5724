"""Idempotency-Key on POST /api/cart, /api/cart/batch and /api/cart/merge."""

import time
from collections.abc import Callable
from secrets import token_hex
from types import SimpleNamespace
from typing import Any
from zlib import compress

import pytest
from django.test import override_settings
from pytest_django import Settings
from redis import Redis

from config.http import idempotency
from products.models import Sku
from tests.carts.shopper import (
    Shopper,
    addition_of,
    new_guest,
    new_user,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory
from tests.steps import APPLY_MERGE, KEEP_DETAILS, act_before, wait_for_answers

pytestmark = pytest.mark.django_db

KEY = "3f0c6a2e-order 1"


def add(shopper: Shopper, sku: Sku, quantity: int, key: str = KEY) -> Any:
    return shopper.call("POST", "/cart", addition_of(sku, quantity), Idempotency_Key=key)


def add_batch(shopper: Shopper, sku: Sku, quantity: int, key: str = KEY) -> Any:
    body = {"items": [addition_of(sku, quantity)]}
    return shopper.call("POST", "/cart/batch", body, Idempotency_Key=key)


Add = Callable[..., Any]
BOTH = pytest.mark.parametrize("add_units", [add, add_batch])


@BOTH
def test_a_repeat_adds_nothing_and_shows_the_cart_as_it_is_now(
    shopper: Shopper, add_units: Add
) -> None:
    sku = SkuFactory.create()
    first = add_units(shopper, sku, 2)
    shopper.add(sku, 5)
    Sku.objects.update(price="1.00")

    with unchanged(shopper):
        second = add_units(shopper, sku, 2)

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["message"] == first.json()["message"]
    assert second.json()["data"].items() >= shopper.cart().items()
    assert quantities_of(shopper.cart()) == {sku.id: 7}
    assert second["ETag"] == shopper.call("GET", "/cart")["ETag"]
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first


def read_record(redis: Any) -> tuple[bytes, bytes]:
    """Return the name and the value of the only record."""
    [name] = redis.keys("cart:op:*")
    return name, redis.get(name)


def size_of_record(redis: Any) -> int:
    name, _ = read_record(redis)
    return int(redis.memory_usage(name))


@BOTH
def test_what_is_kept_for_a_repeat_does_not_grow_with_the_cart(
    shopper: Shopper, add_units: Add, redis_server: Redis
) -> None:
    for sku in SkuFactory.create_batch(40):
        shopper.add(sku)

    add_units(shopper, SkuFactory.create(), 2, f"key:{'k' * 32}")

    assert size_of_record(redis_server) <= 250


def test_what_is_kept_of_a_large_batch_that_failed_is_small(
    user: Shopper, redis_server: Redis
) -> None:
    entries = [{"productId": token_hex(32), "quantity": 1} for _ in range(100)]

    first = user.call("POST", "/cart/batch", {"items": entries}, Idempotency_Key=KEY)
    second = user.call("POST", "/cart/batch", {"items": entries}, Idempotency_Key=KEY)

    assert (first.status_code, second.status_code) == (400, 400)
    assert outcome_of(second) == outcome_of(first)
    assert size_of_record(redis_server) <= 700


@BOTH
def test_without_a_key_every_request_counts(shopper: Shopper, add_units: Add) -> None:
    sku = SkuFactory.create()

    for key in ("one", "two"):
        add_units(shopper, sku, 2, key)
    shopper.add(sku, 2)
    shopper.add(sku, 2)

    assert quantities_of(shopper.cart()) == {sku.id: 8}


@BOTH
def test_the_key_of_another_request_is_refused(shopper: Shopper, add_units: Add) -> None:
    sku = SkuFactory.create()
    add_units(shopper, sku, 2)

    with unchanged(shopper):
        refusal = read_refusal(add_units(shopper, sku, 3))

    assert summary_of(refusal) == (
        422,
        "idempotency_key_reused",
        "Idempotency-Key was already used for another request",
    )


def outcome_of(response: Any) -> Any:
    """Return what an answer tells, but for when it was given."""
    return {name: value for name, value in response.json().items() if name != "timestamp"}


def test_a_key_belongs_to_one_call() -> None:
    sku, guest, user = SkuFactory.create(), new_guest(), new_user()
    guest.add(sku, 3)
    calls: dict[str, Any] = {
        "/cart": addition_of(sku, 1),
        "/cart/batch": {"items": [addition_of(sku, 2)]},
        "/cart/merge": {"guestSessionId": guest.owner_id},
        "/orders": {"note": "Ring twice."},
    }

    def call_all() -> list[Any]:
        return [user.call("POST", path, body, Idempotency_Key=KEY) for path, body in calls.items()]

    first, second = call_all(), call_all()

    assert [response.status_code for response in [*first, *second]] == [200] * 8
    assert ["Idempotent-Replayed" in response for response in first] == [False] * 4
    assert ["Idempotent-Replayed" in response for response in second] == [True] * 4
    assert first[3].json()["data"]["itemCount"] == 1 + 2 + 3
    assert second[3].content == first[3].content
    assert second[2].json()["data"]["merge"] == first[2].json()["data"]["merge"]
    assert user.cart()["items"] == []


@pytest.mark.parametrize("path", ["/cart", "/cart/batch", "/cart/merge", "/orders"])
def test_a_key_of_one_call_with_two_bodies_is_refused(path: str) -> None:
    sku, user = SkuFactory.create(), new_user()
    user.add(sku)
    bodies: dict[str, list[Any]] = {
        "/cart": [addition_of(sku, 1), addition_of(sku, 2)],
        "/cart/batch": [{"items": [addition_of(sku, units)]} for units in (1, 2)],
        "/cart/merge": [{"guestSessionId": f"guest-{number:08d}"} for number in (1, 2)],
        "/orders": [{"note": "Ring."}, {"note": "Ring twice."}],
    }

    answers = [user.call("POST", path, body, Idempotency_Key=KEY) for body in bodies[path]]

    assert [response.status_code for response in answers] == [200, 422]


def test_the_order_of_fields_makes_no_other_request(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    add(shopper, sku, 1)
    reordered = dict(reversed(addition_of(sku, 1).items()))

    response = shopper.call("POST", "/cart", reordered, Idempotency_Key=KEY)

    assert response["Idempotent-Replayed"] == "true"


def test_a_key_belongs_to_one_owner() -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest(), new_guest(), new_user(), new_user()]

    answers = [add(shopper, sku, 2) for shopper in shoppers]

    assert all("Idempotent-Replayed" not in answer for answer in answers)
    assert [quantities_of(shopper.cart()) for shopper in shoppers] == [{sku.id: 2}] * 4


@pytest.mark.parametrize("key", ["k", "k" * 128, "!~ printable", "user:1", "*", "a\\b"])
def test_a_key_is_1_to_128_printable_ascii_characters(shopper: Shopper, key: str) -> None:
    sku = SkuFactory.create()

    add(shopper, sku, 1, key)
    second = add(shopper, sku, 1, key)

    assert second["Idempotent-Replayed"] == "true"
    assert quantities_of(shopper.cart()) == {sku.id: 1}


@pytest.mark.parametrize("key", ["", "k" * 129, "kéy", "a\tb", "a\x00b", "a\x7fb", "键"])
def test_anything_else_is_refused(shopper: Shopper, key: str) -> None:
    sku = SkuFactory.create()

    with unchanged(shopper):
        refusal = read_refusal(add(shopper, sku, 1, key))

    assert summary_of(refusal) == (
        400,
        "invalid_idempotency_key",
        "Idempotency-Key must be 1 to 128 printable ASCII characters",
    )


def test_a_refusal_is_repeated_as_well(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=1)
    first = add(shopper, sku, 2)
    Sku.objects.update(stock=5)

    with unchanged(shopper):
        second = add(shopper, sku, 2)

    assert (first.status_code, second.content) == (409, first.content)
    assert second["Idempotent-Replayed"] == "true"


def test_a_partial_failure_is_repeated_as_well(shopper: Shopper) -> None:
    good, scarce = SkuFactory.create(), SkuFactory.create(stock=1)
    body = {"items": [addition_of(good), addition_of(scarce, 2)]}
    first = shopper.call("POST", "/cart/batch", body, Idempotency_Key=KEY)

    second = shopper.call("POST", "/cart/batch", body, Idempotency_Key=KEY)

    assert (first.status_code, second.status_code) == (400, 400)
    assert outcome_of(second) == outcome_of(first)
    assert second["Idempotent-Replayed"] == "true"
    assert quantities_of(shopper.cart()) == {good.id: 1}


@pytest.mark.parametrize(
    ("limit", "status"),
    [("KEYS", 200), ("KEYS_PER_ADDRESS", 429), ("KEYS_IN_ALL", 429)],
)
def test_new_keys_are_limited_by_owner_by_address_and_in_all(
    limit: str, status: int, settings: Settings
) -> None:
    setattr(settings, f"RATE_LIMIT_{limit}", 2)
    sku, first, second = SkuFactory.create(), new_guest(), new_guest()
    add(first, sku, 1, "one")
    add(first, sku, 1, "two")

    with unchanged(first):
        refusal = add(first, sku, 1, "three")
        repeat = add(first, sku, 1, "one")
    other = add(second, sku, 1, "one")
    keyless = first.call("POST", "/cart", addition_of(sku, 1))

    assert summary_of(read_refusal(refusal)) == (
        429,
        "too_many_idempotency_keys",
        "Too many requests with a new Idempotency-Key",
    )
    assert 3_590 <= int(refusal["Retry-After"]) <= 3_600
    assert (repeat.status_code, repeat["Idempotent-Replayed"]) == (200, "true")
    assert (other.status_code, keyless.status_code) == (status, 200)


def test_new_keys_of_orders_are_limited_as_well(user: Shopper, settings: Settings) -> None:
    settings.RATE_LIMIT_KEYS = 1
    user.add(SkuFactory.create())
    first = user.call("POST", "/orders", {}, Idempotency_Key="one")

    refusal = user.refusal("POST", "/orders", {}, Idempotency_Key="two")
    repeat = user.call("POST", "/orders", {}, Idempotency_Key="one")

    assert refusal["error"]["type"] == "too_many_idempotency_keys"
    assert (first.status_code, repeat.content) == (200, first.content)


@BOTH
def test_an_answer_that_the_release_before_kept_is_given_again(
    shopper: Shopper, add_units: Add, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    add_units(shopper, sku, 2)
    name, value = read_record(redis_server)
    fingerprint = value.split(b"\n")[1]
    redis_server.delete(name)
    # There, all calls on carts shared their keys.
    former = name.replace(b"batch:key:", b"key:")
    body = b'{"code": 200}'
    redis_server.set(former, b"answered\n%b\n200\n%b\n" % (fingerprint, b'"7-a"') + compress(body))

    with unchanged(shopper):
        repeat = add_units(shopper, sku, 2)

    assert (repeat.content, repeat["ETag"]) == (body, '"7-a"')
    assert repeat["Idempotent-Replayed"] == "true"


def test_the_release_before_takes_a_record_for_a_change_made_long_ago(
    shopper: Shopper, redis_server: Redis
) -> None:
    add(shopper, SkuFactory.create(), 2)

    name, value = read_record(redis_server)
    state, rest = value.split(b"\n", 1)
    fingerprint, applied_ms = rest.decode().split("\n")

    assert name.endswith(f":key:{KEY}".encode())
    assert (state, len(fingerprint), int(applied_ms)) == (b"done", 32, 0)


def test_a_request_that_was_not_understood_uses_no_key_up(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    add(shopper, sku, 0)

    response = add(shopper, sku, 1)

    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response


@override_settings(RATE_LIMIT_CART_WRITES=1)
def test_a_request_over_the_limit_uses_no_key_up(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    limited = add(shopper, sku, 1)
    with override_settings(RATE_LIMIT_CART_WRITES=0):
        later = add(shopper, sku, 1)

    assert (limited.status_code, later.status_code) == (429, 200)
    assert "Idempotent-Replayed" not in later


def test_a_key_is_forgotten_after_24_hours(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    day_ms = 24 * 3600 * 1000

    add(shopper, sku, 1)

    [key] = redis_server.keys("cart:op:*")
    assert day_ms - 10_000 < redis_server.pttl(key) <= day_ms
    redis_server.delete(key)
    assert "Idempotent-Replayed" not in add(shopper, sku, 1)


class Interrupted(BaseException):
    """The process dies here."""


def die() -> None:
    raise Interrupted


def interrupt(monkeypatch: pytest.MonkeyPatch, shopper: Shopper, send: Callable[[], Any]) -> None:
    """Have a request die after its change and before its answer."""

    with monkeypatch.context() as patch:
        act_before(patch, KEEP_DETAILS, die)
        with pytest.raises(Interrupted):
            send()


@BOTH
def test_a_repeat_of_a_request_that_is_still_running_is_refused(
    shopper: Shopper, add_units: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    interrupt(monkeypatch, shopper, lambda: add_units(shopper, sku, 2))

    with unchanged(shopper):
        refusal = read_refusal(add_units(shopper, sku, 2))

    assert summary_of(refusal) == (
        409,
        "request_in_progress",
        "A request with this Idempotency-Key is still in progress",
    )


@BOTH
def test_a_repeat_of_a_request_that_died_gets_the_cart_and_adds_nothing(
    shopper: Shopper, add_units: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    interrupt(monkeypatch, shopper, lambda: add_units(shopper, sku, 2))
    wait_for_answers(monkeypatch, milliseconds=0)

    with unchanged(shopper):
        response = add_units(shopper, sku, 2)

    assert response.status_code == 200
    assert response["Idempotent-Replayed"] == "true"
    assert quantities_of(response.json()["data"]) == {sku.id: 2}


@BOTH
def test_a_repeat_after_the_clock_was_set_back_a_day_gets_the_cart_as_well(
    shopper: Shopper, add_units: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    interrupt(monkeypatch, shopper, lambda: add_units(shopper, sku, 2))
    yesterday = time.time_ns() - 86_400 * 10**9
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time_ns=lambda: yesterday))

    with unchanged(shopper):
        response = add_units(shopper, sku, 2)

    assert response.status_code == 200
    assert response["Idempotent-Replayed"] == "true"
    assert quantities_of(response.json()["data"]) == {sku.id: 2}


def merge(user: Shopper, guest: Shopper, **body: Any) -> Any:
    named = {"guestSessionId": guest.owner_id} | body
    return user.call("POST", "/cart/merge", named, Idempotency_Key=KEY)


def test_a_repeated_merge_is_told_what_the_first_did(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    first = merge(user, guest)
    guest.add(sku, 3)

    with unchanged(guest, user):
        second = merge(user, guest)
        other = read_refusal(merge(user, guest, strategy="max"))

    assert (second.status_code, outcome_of(second)) == (200, outcome_of(first))
    assert second["Idempotent-Replayed"] == "true"
    assert other["code"] == 422


def test_a_merge_that_is_still_running_is_not_begun_again(
    guest: Shopper, user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest.add(SkuFactory.create(), 2)
    interrupt(monkeypatch, user, lambda: merge(user, guest))

    with unchanged(guest, user):
        refusal = read_refusal(merge(user, guest))

    assert (refusal["code"], refusal["error"]["type"]) == (409, "request_in_progress")


def test_a_merge_that_died_is_finished_by_its_repeat(
    guest: Shopper, user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    with monkeypatch.context() as patch:
        act_before(patch, APPLY_MERGE, die)
        with pytest.raises(Interrupted):
            merge(user, guest)
    wait_for_answers(monkeypatch, milliseconds=0)

    response = merge(user, guest)

    assert response["Idempotent-Replayed"] == "true"
    assert quantities_of(user.cart()) == {sku.id: 2}
    assert guest.cart()["items"] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_calls_take_no_notice_of_a_key(shopper: Shopper, method: str) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku)
    path = f"/cart/item/{cart['items'][0]['id']}"

    first = shopper.call(method, path, {"quantity": 2}, Idempotency_Key=KEY)
    second = shopper.call(method, path, {"quantity": 3}, Idempotency_Key=KEY)

    assert first.status_code == 200
    assert second.status_code == {"PUT": 200, "DELETE": 404}[method]
