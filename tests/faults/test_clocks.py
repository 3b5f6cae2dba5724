"""Clocks that jump, in Redis or in the application: versions rise, and no cart ends early."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from carts import tasks
from carts.live.keys import cart_key
from carts.models import Cart
from tests.carts.permanent.copies import (
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
    version_of,
)
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.scripts import change_scripts

pytestmark = pytest.mark.django_db

YEAR = timedelta(days=365)
LEAST_LIFE = timedelta(days=29, hours=22)

JumpClock = Callable[[timedelta], AbstractContextManager[None]]


@pytest.fixture
def jump_clock(monkeypatch: pytest.MonkeyPatch) -> JumpClock:
    """Move the application's clock meanwhile; those of Redis and PostgreSQL stay."""
    now_ns, now = time.time_ns, timezone.now

    @contextmanager
    def jump(offset: timedelta) -> Iterator[None]:
        offset_ns = offset // timedelta(microseconds=1) * 1_000
        with monkeypatch.context() as patch:
            patch.setattr(time, "time_ns", lambda: now_ns() + offset_ns)
            patch.setattr(timezone, "now", lambda: now() + offset)
            yield

    return jump


def write_as_if_at(redis: Redis, shopper: Shopper, offset: timedelta) -> int:
    """Leave the cart as Redis would have with its clock so far off; return its version."""
    off_ms = offset // timedelta(milliseconds=1)
    key = cart_key(owner_of(shopper))
    moments = {
        name: int(redis.hget(key, name) or 0) + off_ms
        for name in ("@version", "@created", "@updated")
    }
    redis.hset(key, mapping=moments)  # type: ignore[arg-type]
    redis.hdel(key, "@saved")
    redis.zadd("cart:dirty", {key: moments["@updated"]})
    return moments["@version"]


def ends_early(shopper: Shopper) -> bool:
    return row_of(shopper).expires_at < timezone.now() + LEAST_LIFE


@pytest.mark.parametrize("make", [new_guest, new_user], ids=["guest", "user"])
@pytest.mark.parametrize("offset", [YEAR, -YEAR], ids=["ahead", "behind"])
def test_versions_rise_past_those_of_a_redis_whose_clock_was_wrong(
    redis_server: Redis, make: Callable[[], Shopper], offset: timedelta
) -> None:
    shopper, sku = make(), SkuFactory.create()
    shopper.add(sku)
    versions = [write_as_if_at(redis_server, shopper, offset)]
    save_all()
    assert not ends_early(shopper)

    for _ in range(3):
        shopper.add(sku)
        save_all()
        versions.append(row_of(shopper).version)
        lose_hash(redis_server, shopper)
        assert shopper.cart()["version"] == versions[-1]

    assert versions == sorted(set(versions))
    assert saved_units(shopper) == quantities_of(shopper.cart()) == {sku.id: 4}
    assert not ends_early(shopper)


def test_versions_that_are_only_times_fall_with_the_clock(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: a version is at least one more than the one before, whatever the time."""
    guest, sku = new_guest(), SkuFactory.create()
    guest.add(sku)
    ahead = write_as_if_at(redis_server, guest, YEAR)

    rising = b"math.max(tonumber(version) + 1, now_ms)"
    change_scripts(monkeypatch, "add_units", rising, b"now_ms")
    guest.add(sku)

    assert version_of(redis_server, guest) < ahead


@pytest.mark.parametrize("offset", [YEAR, -YEAR], ids=["ahead", "behind"])
def test_an_application_whose_clock_is_wrong_ends_no_cart_and_counts_every_unit(
    redis_server: Redis, jump_clock: JumpClock, offset: timedelta
) -> None:
    kept, lost, sku = new_guest(), new_guest(), SkuFactory.create()
    for guest in (kept, lost):
        guest.add(sku)
    save_all()
    lose_hash(redis_server, lost)
    versions = {guest.owner_id: row_of(guest).version for guest in (kept, lost)}

    with jump_clock(offset):
        tasks.sweep_carts()
        tasks.finish_merges()
        for guest in (kept, lost):
            assert quantities_of(guest.cart()) == {sku.id: 1}
            guest.add(sku)
        tasks.save_changed_carts()

    assert set(Cart.objects.values_list("status", "retired_at")) == {("ACTIVE", None)}
    for guest in (kept, lost):
        assert row_of(guest).version > versions[guest.owner_id]
        assert saved_units(guest) == quantities_of(guest.cart()) == {sku.id: 2}
        assert not ends_early(guest)


def test_a_cart_that_ended_only_by_the_clock_of_redis_can_be_changed(
    redis_server: Redis, jump_clock: JumpClock
) -> None:
    """Redis is two hours ahead of the others, by whose clocks the cart has an hour to live."""
    guest, sku = new_guest(), SkuFactory.create()
    guest.add(sku)
    save_all()
    lose_hash(redis_server, guest)
    Cart.objects.update(updated_at=timezone.now() - timedelta(days=30, hours=1))

    with jump_clock(timedelta(hours=-2)):
        guest.add(sku)
        save_all()

    assert saved_units(guest) == quantities_of(guest.cart()) == {sku.id: 2}
