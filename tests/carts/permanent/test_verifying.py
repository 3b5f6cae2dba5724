"""All carts are compared with their copies in turn; drift is noted, counted and mended if safe."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings
from redis import Redis

from carts import tasks
from carts.domain.cart import Cart as LivingCart
from carts.live import roll
from carts.live.keys import cart_key
from carts.models import Cart, CartItem
from carts.permanent import verifying
from carts.permanent.copies import read_carts
from carts.permanent.verifying import verify_in_turn
from tests.carts.permanent.copies import (
    is_unsaved,
    owner_of,
    row_of,
    save_all,
    saved_units,
    verify_all,
)
from tests.carts.shopper import Shopper, new_guest, quantities_of
from tests.config.admin.figures import grows, read_figure
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

Spoil = Callable[[Shopper, Redis], object]


def bump(shopper: Shopper, redis: Redis) -> None:
    redis.hincrby(cart_key(owner_of(shopper)), "@version", 1)


def drop_row(shopper: Shopper, redis: Redis) -> None:
    row_of(shopper).delete()


def overtake(shopper: Shopper, redis: Redis) -> None:
    Cart.objects.filter(pk=row_of(shopper).pk).update(version=F("version") + 10)


def change_copy(shopper: Shopper, redis: Redis) -> None:
    CartItem.objects.filter(cart=row_of(shopper)).update(quantity=7)


def spoil_hash(shopper: Shopper, redis: Redis) -> None:
    redis.hset(cart_key(owner_of(shopper)), "@version", "none")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [(bump, "not marked"), (drop_row, "not saved"), (overtake, "other history")],
)
def test_drift_that_saving_mends_is_found_counted_and_mended(
    spoil: Spoil, kind: str, shopper: Shopper, redis_server: Redis
) -> None:
    sku, sound = SkuFactory.create(), new_guest()
    for each in (shopper, sound):
        each.add(sku, 2)
    save_all()
    spoil(shopper, redis_server)

    with grows("cart_drift_total", kind=kind, by=1):
        verify_all()
    assert read_figure("cart_drifted") == 1
    assert not is_unsaved(redis_server, sound)
    save_all()
    verify_all()

    assert read_figure("cart_drifted") == 0
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 2}


@pytest.mark.parametrize(("spoil", "kind"), [(change_copy, "differs"), (spoil_hash, "unreadable")])
def test_drift_that_a_person_has_to_mend_is_noted_until_somebody_does(
    spoil: Spoil, kind: str, guest: Shopper, redis_server: Redis
) -> None:
    guest.add(SkuFactory.create(), 2)
    save_all()
    spoil(guest, redis_server)
    before = redis_server.dump(cart_key(owner_of(guest)))

    with grows("cart_drift_total", kind=kind, by=1):
        verify_all()
        verify_all()

    assert read_figure("cart_drifted") == 1
    assert roll.list_drifted("", limit=10) == [owner_of(guest)]
    assert not is_unsaved(redis_server, guest)
    assert redis_server.dump(cart_key(owner_of(guest))) == before
    redis_server.delete(cart_key(owner_of(guest)))
    verify_all()
    assert read_figure("cart_drifted") == 0


@pytest.fixture
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "_LEAST_KEYS", 5)


@pytest.mark.usefixtures("_few_at_once")
def test_a_round_goes_on_where_the_last_run_stopped(redis_server: Redis) -> None:
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(40)]
    verify_all()
    for guest in guests:
        guest.add(sku)
    redis_server.delete("cart:dirty")

    runs = 0
    while redis_server.zcard("cart:dirty") < len(guests):
        assert not any(verify_in_turn())
        runs += 1
        assert runs < 100

    assert runs > 3
    assert read_figure("cart_drift_total", kind="not saved") == len(guests)


@pytest.mark.usefixtures("_few_at_once")
def test_a_save_that_meets_a_newer_copy_has_all_carts_compared_at_once(
    redis_server: Redis, settings: Settings
) -> None:
    settings.CART_SAVE_BATCH = 5
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(40)]
    for guest in guests:
        guest.add(sku)
    save_all()
    verify_all()
    Cart.objects.update(version=F("version") + 10)
    guests[0].add(sku)

    assert save_all().united == 1
    tasks.verify_carts()
    assert save_all().united == len(guests) - 1

    assert [saved_units(guest)[sku.id] for guest in guests] == [2] + [1] * (len(guests) - 1)


def test_a_server_that_was_started_anew_has_all_carts_compared_at_once(
    guest: Shopper, redis_server: Redis
) -> None:
    guest.add(SkuFactory.create())
    verify_all()
    assert redis_server.hget("cart:round", "asked") is None
    redis_server.hset("cart:round", mapping={"server": "another", "cursor": "12345"})

    assert all(verify_in_turn())
    assert redis_server.hget("cart:round", "cursor") == b"0"


def test_one_cart_that_cannot_be_compared_holds_up_no_other(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(3)]
    for guest in guests:
        guest.add(sku)
    save_all()
    bump(guests[2], redis_server)
    poisoned = row_of(guests[1]).pk

    def read_or_fail(cart_ids: Collection[str]) -> dict[str, LivingCart]:
        if poisoned in cart_ids:
            raise ValueError
        return read_carts(cart_ids)

    monkeypatch.setattr(verifying, "read_carts", read_or_fail)

    with grows("cart_job_failures_total", job="verify_carts", by=1):
        verify_all()

    assert is_unsaved(redis_server, guests[2])


def test_two_rounds_at_once_do_no_harm(
    guest: Shopper, redis_server: Redis, settings: Settings
) -> None:
    settings.CART_SAVE_BATCH = 1
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(10)]
    for each in guests:
        each.add(sku)
    redis_server.delete("cart:dirty")

    rounds: list[Any] = [verify_in_turn(), verify_in_turn()]
    while rounds:
        rounds = [each for each in rounds if next(each, None) is not None]

    assert redis_server.zcard("cart:dirty") == len(guests)
    assert read_figure("cart_drift_total", kind="not saved") == len(guests)


def test_without_a_period_nothing_is_compared(
    guest: Shopper, redis_server: Redis, settings: Settings
) -> None:
    settings.CART_VERIFY_HOURS = 0
    guest.add(SkuFactory.create())
    redis_server.delete("cart:dirty")

    tasks.verify_carts()

    assert read_figure("cart_drifted") == 0
