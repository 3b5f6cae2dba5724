"""Saving in the background: oldest changes first, shared by savers, rests that shrink when late."""

import json
import time
from base64 import b64decode
from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone
from redis import Redis

from carts import tasks
from carts.domain.cart import Cart as LivingCart
from carts.domain.cart import CartOwner
from carts.live import bulk
from carts.live.keys import cart_key, derive_cart_id, shard_prefixes
from carts.models import Cart
from carts.permanent.saving import SaveResult, save_oldest
from tests.carts.permanent.copies import put_unsaved, save_all
from tests.carts.shopper import new_guest
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

CARTS = 3


def change_carts() -> None:
    sku = SkuFactory.create()
    for _ in range(CARTS):
        new_guest().add(sku, 1)


@override_settings(CART_SAVE_BATCH=1)
def test_a_run_whose_time_is_over_leaves_what_remains(redis_server: Redis) -> None:
    change_carts()

    tasks.save_shard(shard_prefixes()[0], "test", 0)

    assert (Cart.objects.count(), redis_server.zcard("cart:dirty")) == (1, CARTS - 1)


@override_settings(CART_SAVE_BATCH=1, CART_WRITE_BEHIND_SECONDS=60)
def test_a_run_with_time_left_saves_them_all(redis_server: Redis) -> None:
    change_carts()

    tasks.save_changed_carts()

    assert (Cart.objects.count(), redis_server.zcard("cart:dirty")) == (CARTS, 0)


@override_settings(CART_SAVE_BATCH=1, CART_WRITE_BEHIND_SECONDS=0)
def test_without_write_behind_the_hourly_run_saves_them_all(redis_server: Redis) -> None:
    change_carts()

    tasks.save_changed_carts()
    before = Cart.objects.count()
    tasks.save_unsaved_carts()

    assert (before, Cart.objects.count(), redis_server.zcard("cart:dirty")) == (0, CARTS, 0)


@override_settings(CART_SAVE_BATCH=1, CART_WRITE_BEHIND_SECONDS=60)
def test_a_run_rests_after_each_batch(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    change_carts()
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)

    began = time.monotonic()
    tasks.save_changed_carts()
    took = time.monotonic() - began

    assert len(rests) == CARTS
    assert 0 < sum(rests) <= 2 * took


@pytest.mark.parametrize(
    ("age_seconds", "rest"),
    [(0, 0.6), (10, 0.6), (12.5, 0.45), (15, 0.3), (20, 0), (3_600, 0)],
)
def test_the_later_a_saver_is_the_less_it_rests(age_seconds: float, rest: float) -> None:
    chosen = tasks.choose_rest(
        worked=0.3, age=timedelta(seconds=age_seconds), interval=timedelta(seconds=10)
    )

    assert chosen == pytest.approx(rest)


def put_aged(redis: Redis, *ages_seconds: int) -> list[CartOwner]:
    """Put carts in place that have been unsaved for so long; return their owners."""
    now_ms = int(time.time() * 1_000)
    owners = [CartOwner.for_guest(f"guest-of-{age:08d}") for age in ages_seconds]
    for owner, age in zip(owners, ages_seconds, strict=True):
        since_ms = now_ms - age * 1_000
        put_unsaved(redis, LivingCart(derive_cart_id(owner, None), owner, now_ms, 0, since_ms))
    return owners


@override_settings(CART_SAVE_BATCH=1, CART_WRITE_BEHIND_SECONDS=60)
def test_carts_are_saved_in_the_order_of_their_oldest_unsaved_changes(redis_server: Redis) -> None:
    middle, oldest, youngest = put_aged(redis_server, 20, 30, 10)

    ages = [age // timedelta(seconds=10) for age in save_oldest(prefix="", source="test")]

    assert ages == [3, 2, 1]
    saved = Cart.objects.order_by("saved_at").values_list("session_id", flat=True)
    assert set(saved) == {oldest.id, middle.id, youngest.id}


@override_settings(CART_SAVE_BATCH=2)
def test_savers_of_one_shard_take_different_carts(redis_server: Redis) -> None:
    owners = put_aged(redis_server, *range(1, 5))

    pages = [next(bulk.take_unsaved("", page_size=2)) for _ in range(2)]

    assert [*pages[0].owners, *pages[1].owners] == owners[::-1]
    assert list(bulk.take_unsaved("", page_size=2)) == []
    assert redis_server.zcard("cart:dirty") == 4


def test_carts_that_nobody_marked_as_taken_are_taken_twice(redis_server: Redis) -> None:
    put_aged(redis_server, 1, 2)

    first = next(bulk.take_unsaved("", page_size=2))
    redis_server.delete("cart:saving")

    assert next(bulk.take_unsaved("", page_size=2)).owners == first.owners


@pytest.mark.parametrize("seconds_off", [-1, 86_400], ids=["over", "of a clock set back"])
def test_carts_of_a_saver_that_died_are_taken_when_its_time_is_over(
    redis_server: Redis, seconds_off: int
) -> None:
    owners = put_aged(redis_server, 1)
    list(bulk.take_unsaved("", page_size=2))
    left = list(save_oldest(prefix="", source="test"))

    over_ms = int((time.time() + seconds_off) * 1_000)
    redis_server.zadd("cart:saving", {cart_key(owner): over_ms for owner in owners})
    tasks.save_shard("", "test")

    assert left == []
    assert (Cart.objects.count(), redis_server.zcard("cart:dirty")) == (1, 0)
    assert redis_server.zcard("cart:saving") == 0


def test_saving_all_by_hand_waits_for_no_other_saver(redis_server: Redis) -> None:
    put_aged(redis_server, 1)
    list(bulk.take_unsaved("", page_size=2))

    assert save_all() == SaveResult(saved=1)


@override_settings(CART_WRITE_BEHIND_SECONDS=10, CART_SAVERS=3)
@pytest.mark.parametrize(("age", "helpers"), [(11, 0), (21, 2)], ids=["in time", "behind"])
def test_more_tasks_share_the_carts_of_a_shard_that_has_fallen_behind(
    redis_server: Redis, age: int, helpers: int
) -> None:
    put_aged(redis_server, age)

    tasks.save_changed_carts()
    messages = [json.loads(message) for message in redis_server.lrange("celery", 0, -1)]

    assert [json.loads(b64decode(message["body"]))[0] for message in messages] == [
        ["", "write-behind", 5.0]
    ] * helpers
    assert Cart.objects.count() == 1


@override_settings(CART_SHARDS=3)
def test_shards_are_saved_by_a_task_each_which_waits_until_the_next_run(
    redis_server: Redis,
) -> None:
    change_carts()

    tasks.save_unsaved_carts()
    messages = [json.loads(message) for message in redis_server.lrange("celery", 0, -1)]

    assert {message["headers"]["task"] for message in messages} == {"carts.tasks.save_shard"}
    for message in messages:
        until_expiry = datetime.fromisoformat(message["headers"]["expires"]) - timezone.now()
        assert timedelta(minutes=59) < until_expiry <= timedelta(hours=1)
        arguments, *_ = json.loads(b64decode(message["body"]))
        tasks.save_shard(*arguments)
    assert Cart.objects.count() == CARTS
    assert [redis_server.zcard(f"{prefix}cart:dirty") for prefix in shard_prefixes()] == [0] * 3
