"""Carts that nobody touches: guests' end, users' rest in the database, old ones are deleted."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from carts.live.keys import cart_key
from carts.models import Cart, CartItem
from carts.permanent.saving import SaveResult
from carts.permanent.sweep import SweepResult, count_idle, sweep_carts
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    let_idle,
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
    version_of,
)
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.steps import RETIRE, act_after, replace_step

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]


def sweep() -> SweepResult:
    return sum(sweep_carts(), SweepResult())


def test_an_idle_guest_ends_as_expired_and_starts_anew(guest: Shopper, redis_server: Redis) -> None:
    before = guest.add(SkuFactory.create())
    save_all()
    let_idle(guest)
    lose_hash(redis_server, guest)

    result = sweep()

    assert result == SweepResult(expired=1)
    assert row_of(guest).status == "EXPIRED"
    assert sweep() == SweepResult()
    assert guest.cart()["items"] == []
    assert guest.cart()["id"] != before["id"]


def test_the_lines_of_an_expired_cart_stay_for_the_staff(
    guest: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    save_all()
    let_idle(guest)
    lose_hash(redis_server, guest)

    sweep()

    assert saved_units(guest) == {sku.id: 2}


def test_an_idle_user_rests_in_the_database_and_comes_back(
    user: Shopper, redis_server: Redis
) -> None:
    before = user.add(SkuFactory.create(), 2)
    save_all()
    let_idle(user)

    result = sweep()

    assert result == SweepResult(retired=1)
    assert hash_of(redis_server, user) == {}
    assert (row_of(user).status, row_of(user).retired_at is not None) == ("ACTIVE", True)
    assert sweep() == SweepResult()
    assert user.cart()["id"] == before["id"]
    assert quantities_of(user.cart()) == quantities_of(before)
    assert sweep() == SweepResult(retired=1)


def test_carts_that_are_not_idle_stay(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    living = hash_of(redis_server, shopper)

    assert sweep() == count_idle() == SweepResult()

    assert hash_of(redis_server, shopper) == living
    assert row_of(shopper).status == "ACTIVE"


def test_a_cart_with_unsaved_changes_is_saved_and_kept(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    let_idle(shopper)
    shopper.add(sku, 3)

    result = sweep()

    assert result == SweepResult(kept=1)
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 5}
    assert not is_unsaved(redis_server, shopper)
    assert row_of(shopper).status == "ACTIVE"
    assert sweep() == SweepResult()


def test_retiring_without_comparing_versions_would_lose_a_change(
    user: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    sku = SkuFactory.create()
    user.add(sku, 2)
    save_all()
    let_idle(user)
    user.add(sku, 3)
    compare = RETIRE.function
    replace_step(
        monkeypatch,
        RETIRE,
        lambda prefix, copies: compare(
            prefix,
            [(owner, cart_id, version_of(redis_server, user)) for owner, cart_id, _ in copies],
        ),
    )

    sweep()

    assert quantities_of(user.cart()) == {sku.id: 2}


def test_a_change_between_looking_and_ending_keeps_the_cart(
    guest: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    save_all()
    let_idle(guest)
    lose_hash(redis_server, guest)

    def let_another_save_come() -> None:
        Cart.objects.update(version=row_of(guest).version + 1)

    act_after(monkeypatch, RETIRE, let_another_save_come)

    assert sweep() == SweepResult()

    assert row_of(guest).status == "ACTIVE"


def end(shopper: Shopper, *, days_ago: int) -> None:
    let_idle(shopper, days=days_ago)
    Cart.objects.filter(pk=row_of(shopper).pk).update(status="EXPIRED", retired_at=timezone.now())


@override_settings(CART_RETENTION_DAYS=90)
def test_a_cart_that_ended_goes_while_its_owners_next_one_lives(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    buy(shopper, sku, 1)
    ended = row_of(shopper)
    end(shopper, days_ago=1_000)
    Cart.objects.update(retired_at=None)
    shopper.add(sku, 2)
    version = version_of(redis_server, shopper)

    result = sweep()

    resting = SweepResult(expired=1) if owner_of(shopper).is_guest else SweepResult(retired=1)
    assert result == resting + SweepResult(purged=1)
    assert not Cart.objects.filter(pk=ended.pk).exists()
    assert version_of(redis_server, shopper) == version
    assert is_unsaved(redis_server, shopper)
    assert quantities_of(shopper.cart()) == {sku.id: 2}


def test_carts_that_ended_long_ago_are_deleted_with_their_lines(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    old, recent, living = new_guest(), new_guest(), new_guest()
    for shopper in (old, recent, living):
        shopper.add(sku)
    save_all()
    end(old, days_ago=91)
    end(recent, days_ago=89)
    assert count_idle() == SweepResult(purged=1)

    result = sweep()

    assert result == SweepResult(purged=1)
    kept = {row_of(recent).pk, row_of(living).pk}
    assert set(Cart.objects.values_list("pk", flat=True)) == kept
    assert set(CartItem.objects.values_list("cart_id", flat=True)) == kept


@override_settings(CART_RETENTION_DAYS=0)
def test_without_a_retention_nothing_is_deleted(guest: Shopper) -> None:
    guest.add(SkuFactory.create())
    save_all()
    end(guest, days_ago=1_000)

    assert sweep() == count_idle() == SweepResult()

    assert Cart.objects.count() == 1


@override_settings(CART_RETENTION_DAYS=1)
def test_users_carts_are_never_deleted_while_they_are_active(user: Shopper) -> None:
    user.add(SkuFactory.create())
    save_all()
    let_idle(user, days=1_000)

    sweep()

    assert sweep() == SweepResult()
    assert Cart.objects.count() == 1


@override_settings(CART_SAVE_BATCH=3)
@pytest.mark.parametrize("carts", [3, 10])
def test_every_page_is_swept(carts: int, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest() for _ in range(carts)] + [new_user() for _ in range(carts)]
    for shopper in shoppers:
        shopper.add(sku)
    save_all()
    # All at the same moment, so that pages end between carts of the same expiry.
    Cart.objects.update(expires_at=timezone.now() - timedelta(days=1))

    assert count_idle() == SweepResult(expired=carts, retired=carts)
    assert sweep() == SweepResult(expired=carts, retired=carts)

    assert Cart.objects.filter(retired_at=None).count() == 0
    assert not any(redis_server.exists(cart_key(owner_of(shopper))) for shopper in shoppers)


def test_a_page_takes_the_same_queries_whatever_its_size() -> None:
    counts = []
    for carts in (2, 20):
        sku = SkuFactory.create()
        for shopper in [new_guest() for _ in range(carts)]:
            shopper.add(sku)
        save_all()
        Cart.objects.update(expires_at=timezone.now() - timedelta(days=1))
        with CaptureQueriesContext(connection) as queries:
            sweep()
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.fixture
def refuse_changes_of() -> Callable[[Cart], None]:
    """Make the database refuse every change of one row."""

    def refuse(cart: Cart) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no'; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER refuse BEFORE UPDATE ON carts_cart FOR EACH ROW "
                f"WHEN (OLD.id = '{cart.pk}') EXECUTE FUNCTION refuse()"
            )

    return refuse


def test_one_bad_row_does_not_stop_the_sweep(
    redis_server: Redis, refuse_changes_of: Callable[[Cart], None]
) -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest() for _ in range(5)]
    for shopper in shoppers:
        shopper.add(sku)
    save_all()
    for shopper in shoppers:
        let_idle(shopper)
        lose_hash(redis_server, shopper)
    refuse_changes_of(row_of(shoppers[2]))

    result = sweep()

    assert result == SweepResult(expired=4, failed=1)
    assert [row_of(shopper).status for shopper in shoppers] == [
        "EXPIRED", "EXPIRED", "ACTIVE", "EXPIRED", "EXPIRED",
    ]  # fmt: skip


def test_a_cart_that_was_set_aside_is_forgotten_with_its_hash(redis_server: Redis) -> None:
    gone, left = new_guest(), new_guest()
    for shopper in (gone, left):
        shopper.add(SkuFactory.create())
        redis_server.hdel(cart_key(owner_of(shopper)), "@id")
    assert save_all() == SaveResult(set_aside=2)
    redis_server.delete(cart_key(owner_of(gone)))

    sweep()

    left_key = cart_key(owner_of(left)).encode()
    assert redis_server.zrange("cart:set-aside", 0, -1) == [left_key]
