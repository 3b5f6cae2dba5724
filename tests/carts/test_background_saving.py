"""Saving in the background: a run that is due to end leaves the rest to the next one."""

import json
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


@override_settings(CART_SHARDS=3)
def test_a_shard_waits_for_a_worker_until_the_next_hourly_run(redis_server: Redis) -> None:
    tasks.save_unsaved_carts()

    sent = [json.loads(message)["headers"] for message in redis_server.lrange("celery", 0, -1)]
    expiries = [datetime.fromisoformat(headers["expires"]) for headers in sent]
    assert {headers["task"] for headers in sent} == {"carts.tasks.save_shard"}
    assert len(expiries) == 3
    assert min(expiries) > timezone.now() + timedelta(minutes=59)
