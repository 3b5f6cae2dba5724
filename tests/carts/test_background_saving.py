"""Saving in the background: a run that is due to end leaves the rest to the next one."""

import json
import time
from base64 import b64decode
from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone
from redis import Redis

from carts import tasks
from carts.live.keys import shard_prefixes
from carts.models import Cart
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
    monkeypatch.setattr("time.sleep", rests.append)

    began = time.monotonic()
    tasks.save_changed_carts()
    took = time.monotonic() - began

    assert len(rests) == CARTS
    assert 0 < sum(rests) <= 2 * took


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
