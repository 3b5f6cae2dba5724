"""Redis restored from an older file than the database: both copies are kept, united."""

from collections.abc import Callable

import pytest
from redis import Redis

from carts.live.keys import cart_key
from carts.models import PendingSettlement
from carts.permanent.saving import SaveResult, save_cart
from tests.carts.permanent.copies import (
    hash_of,
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
    verify_all,
    version_of,
)
from tests.carts.shopper import Shopper, item_id, new_guest, quantities_of
from tests.config.admin.figures import grows, read_figure
from tests.factories import SkuFactory
from tests.steps import CONFIRM_SAVE, WRITE_COPIES, act_before, forget_histories, replace_step

pytestmark = pytest.mark.django_db

Rollback = Callable[[], None]


@pytest.fixture
def keep_file(redis_server: Redis) -> Callable[[], Rollback]:
    """Remember all of Redis as it is; what is returned brings that back."""

    def remember() -> Rollback:
        kept = {key: redis_server.dump(key) or b"" for key in redis_server.scan_iter()}

        def roll_back() -> None:
            redis_server.flushdb()
            for key, value in kept.items():
                redis_server.restore(key, 0, value)

        return roll_back

    return remember


def test_a_cart_that_was_not_touched_since_gets_what_was_saved_later(
    shopper: Shopper, redis_server: Redis, keep_file: Callable[[], Rollback]
) -> None:
    early, late = SkuFactory.create_batch(2)
    shopper.add(early, 1)
    roll_back = keep_file()
    shopper.add(early, 2)
    shopper.add(late, 4)
    save_all()
    lost_version = version_of(redis_server, shopper)
    roll_back()

    result = save_all()

    assert result == SaveResult(saved=1, united=1)
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {early.id: 3, late.id: 4}
    assert version_of(redis_server, shopper) == row_of(shopper).version > lost_version
    assert read_figure("cart_drift_total", kind="united") == 1
    assert save_all() == SaveResult()


def test_a_cart_that_cannot_be_united_does_not_hold_up_the_others(
    keep_file: Callable[[], Rollback],
) -> None:
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(3)]
    for guest in guests:
        guest.add(sku, 1)
    roll_back = keep_file()
    for guest in guests:
        guest.add(sku, 2)
    save_all()
    roll_back()
    # As nothing of ours would write it.
    broken = row_of(guests[1])
    PendingSettlement.objects.create(
        order_id="o1", owner=owner_of(guests[1]).key, cart_id=broken.pk, units=[]
    )

    with grows("cart_job_failures_total", job="unite_carts", by=1):
        result = save_all()

    assert result == SaveResult(saved=2, united=2, postponed=1)
    assert [saved_units(guest) for guest in guests] == [{sku.id: 3}] * 3


def test_changes_made_since_the_roll_back_are_kept_as_well(
    shopper: Shopper, keep_file: Callable[[], Rollback]
) -> None:
    early, lost, new = SkuFactory.create_batch(3)
    shopper.add(early, 1)
    save_all()
    roll_back = keep_file()
    shopper.add(lost, 2)
    save_all()
    roll_back()
    shopper.add(new, 5)

    result = save_all()

    assert result == SaveResult(saved=1, united=1)
    expected = {early.id: 1, lost.id: 2, new.id: 5}
    assert quantities_of(shopper.cart()) == saved_units(shopper) == expected


def test_without_knowing_its_history_a_hash_would_undo_what_was_saved(
    guest: Shopper, keep_file: Callable[[], Rollback], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: versions are times, so a rolled-back cart that changes has the higher one."""
    early, lost, new = SkuFactory.create_batch(3)
    guest.add(early, 1)
    save_all()
    roll_back = keep_file()
    guest.add(lost, 2)
    save_all()
    roll_back()
    guest.add(new, 5)
    forget_histories(monkeypatch)

    save_all()

    assert saved_units(guest) == {early.id: 1, new.id: 5}


def test_a_cart_that_is_united_is_newer_than_its_copy_whatever_the_clocks_say(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    save_all()
    ahead = version_of(redis_server, shopper) + 86_400_000
    type(row_of(shopper)).objects.update(version=ahead)
    shopper.add(sku, 1)

    assert save_all() == SaveResult(saved=1, united=1)

    assert version_of(redis_server, shopper) == row_of(shopper).version == ahead + 1


def test_the_save_of_one_cart_notices_as_well(
    shopper: Shopper, redis_server: Redis, keep_file: Callable[[], Rollback]
) -> None:
    early, lost = SkuFactory.create_batch(2)
    shopper.add(early, 1)
    roll_back = keep_file()
    shopper.add(lost, 2)
    save_cart(owner=owner_of(shopper), source="test")
    roll_back()

    saved = save_cart(owner=owner_of(shopper), source="test")

    assert saved is not None
    assert {line.sku_id: line.quantity for line in saved.lines} == {early.id: 1, lost.id: 2}
    assert quantities_of(shopper.cart()) == {early.id: 1, lost.id: 2}


def test_what_had_been_removed_stays_removed(
    shopper: Shopper, keep_file: Callable[[], Rollback]
) -> None:
    kept, removed = SkuFactory.create_batch(2)
    shopper.add(kept)
    cart = shopper.add(removed)
    save_all()
    roll_back = keep_file()
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")
    save_all()
    roll_back()

    verify_all()
    save_all()

    assert quantities_of(shopper.cart()) == saved_units(shopper) == {kept.id: 1}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis, key: redis.hset(key, "@version", "none"),
        lambda redis, key: redis.hdel(key, "@id"),
        lambda redis, key: redis.hset(key, "@id", b"\xff"),
        lambda redis, key: redis.hset(key, "@saved", "never"),
        lambda redis, key: (redis.delete(key), redis.set(key, "no hash at all")),
    ],
)
def test_a_poisoned_hash_does_not_stop_the_comparison(
    spoil: Callable[[Redis, str], object],
    redis_server: Redis,
    keep_file: Callable[[], Rollback],
) -> None:
    sku = SkuFactory.create()
    poisoned, other = new_guest(), new_guest()
    for shopper in (poisoned, other):
        shopper.add(sku)
    save_all()
    roll_back = keep_file()
    other.add(sku)
    save_all()
    roll_back()
    spoil(redis_server, cart_key(owner_of(poisoned)))

    verify_all()
    result = save_all()

    assert result == SaveResult(saved=1, united=1)
    assert saved_units(other) == {sku.id: 2}


def test_a_database_rolled_back_is_written_anew(shopper: Shopper, redis_server: Redis) -> None:
    kept, removed = SkuFactory.create_batch(2)
    shopper.add(kept)
    cart = shopper.add(removed)
    save_all()
    old = row_of(shopper).version
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")
    save_all()
    row_of(shopper).items.create(
        sku=removed, quantity=1, selected=True, revision=1,
        added_at=row_of(shopper).saved_at, updated_at=row_of(shopper).saved_at,
    )  # fmt: skip
    type(row_of(shopper)).objects.update(version=old)
    shopper.add(kept)

    assert save_all() == SaveResult(saved=1)

    assert saved_units(shopper) == {kept.id: 2}


def test_a_saver_that_died_before_noting_its_save_looks_like_no_roll_back(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, removed = SkuFactory.create_batch(2)
    shopper.add(kept)
    cart = shopper.add(removed)
    with monkeypatch.context() as patch:
        replace_step(patch, CONFIRM_SAVE, lambda *_: None)
        save_all()
    assert saved_units(shopper) == {kept.id: 1, removed.id: 1}
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")

    result = save_all()

    assert result == SaveResult(saved=1)
    assert saved_units(shopper) == {kept.id: 1}


def test_savers_that_died_again_and_again_look_like_no_roll_back(
    guest: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, removed = SkuFactory.create_batch(2)
    guest.add(kept)
    cart = guest.add(removed)
    with monkeypatch.context() as patch:
        replace_step(patch, CONFIRM_SAVE, lambda *_: None)
        for _ in range(10):
            guest.add(kept)
            assert save_all().united == 0
    # A longer value would cost the hash its compact encoding.
    assert len(hash_of(redis_server, guest)[b"@saved"]) <= 64
    guest.data("DELETE", f"/cart/item/{item_id(cart, removed)}")

    assert save_all() == SaveResult(saved=1)
    assert saved_units(guest) == {kept.id: 11}


def test_a_copy_saved_while_an_older_one_was_restored_is_united(
    guest: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late, new = SkuFactory.create_batch(3)
    guest.add(early)
    save_all()
    guest.add(late, 2)

    def lose_and_restore() -> None:
        """The hash is lost, and its copy of before is back, before this save commits."""
        lose_hash(redis_server, guest)
        assert quantities_of(guest.cart()) == {early.id: 1}

    with monkeypatch.context() as patch:
        act_before(patch, WRITE_COPIES, lose_and_restore)
        save_all()
    guest.add(new, 3)

    result = save_all()

    assert result == SaveResult(saved=1, united=1)
    expected = {early.id: 1, late.id: 2, new.id: 3}
    assert quantities_of(guest.cart()) == saved_units(guest) == expected
