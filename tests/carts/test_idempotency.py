"""Idempotency-Key on POST /api/cart, /api/cart/batch and /api/cart/merge."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings
from redis import Redis

from carts.api import idempotency
from carts.live import store
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
def test_a_repeat_gets_the_first_answer_and_adds_nothing(shopper: Shopper, add_units: Add) -> None:
    sku = SkuFactory.create()
    first = add_units(shopper, sku, 2)
    shopper.add(sku, 5)
    Sku.objects.update(price="1.00")

    with unchanged(shopper):
        second = add_units(shopper, sku, 2)

    assert (second.status_code, second.content) == (200, first.content)
    assert second["ETag"] == first["ETag"]
    assert second["Content-Type"] == "application/json"
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert quantities_of(shopper.cart()) == {sku.id: 7}


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


def test_a_key_belongs_to_one_endpoint(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    add(shopper, sku, 1)

    refusal = read_refusal(add_batch(shopper, sku, 1))

    assert refusal["code"] == 422


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

    assert (first.status_code, second.content) == (400, first.content)
    assert second["Idempotent-Replayed"] == "true"
    assert quantities_of(shopper.cart()) == {good.id: 1}


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


def interrupt(monkeypatch: pytest.MonkeyPatch, shopper: Shopper, send: Callable[[], Any]) -> None:
    """Have a request die after its change and before its answer."""

    def die(*args: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(store, "record_answer", die)
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
    monkeypatch.setattr(idempotency, "_ANSWER_WITHIN_MS", 0)

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


def test_a_repeated_merge_gets_the_first_answer(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    first = merge(user, guest)
    guest.add(sku, 3)

    with unchanged(guest, user):
        second = merge(user, guest)
        other = read_refusal(merge(user, guest, strategy="max"))

    assert (second.status_code, second.content) == (200, first.content)
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

    def die(*args: Any, **options: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(store, "apply_merge", die)
        with pytest.raises(Interrupted):
            merge(user, guest)
    monkeypatch.setattr(idempotency, "_ANSWER_WITHIN_MS", 0)

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
