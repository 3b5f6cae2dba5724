"""Restoring: what comes back when a hash is gone, and what must not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from carts.live.keys import cart_key, derive_cart_id
from carts.models import Cart
from carts.permanent.restoring import restore_cart
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    let_idle,
    lose_hash,
    owner_of,
    row_of,
    save_all,
    version_of,
)
from tests.carts.shopper import Shopper, item_id, quantities_of
from tests.factories import SkuFactory
from tests.steps import ADD_UNITS, act_before_next

pytestmark = pytest.mark.django_db

DAY_MS = 24 * 3_600_000


def test_a_lost_cart_comes_back_as_it_was_saved(shopper: Shopper, redis_server: Redis) -> None:
    first, second = SkuFactory.create_batch(2)
    cart = shopper.add(first, 2)
    shopper.add(second, 3)
    shopper.data("PUT", f"/cart/item/{item_id(cart, first)}", {"selected": False})
    before = shopper.cart()
    save_all()
    fields = hash_of(redis_server, shopper)
    redis_server.flushdb()

    after = shopper.cart()

    assert after == before
    assert hash_of(redis_server, shopper) == fields
    assert not is_unsaved(redis_server, shopper)


def test_a_change_to_a_lost_cart_is_made_to_what_was_saved(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    before = shopper.add(sku, 2)
    save_all()
    redis_server.flushdb()

    after = shopper.add(sku, 3)

    assert quantities_of(after) == {sku.id: 5}
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["version"] > before["version"]


def test_a_cart_lost_between_reading_and_changing_is_restored_and_changed(
    shopper: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    act_before_next(monkeypatch, ADD_UNITS, redis_server.flushdb)

    assert quantities_of(shopper.add(sku, 3)) == {sku.id: 5}


def test_an_emptied_cart_stays_empty_without_its_hash(
    shopper: Shopper, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create(), 2)
    save_all()
    emptied = shopper.data("DELETE", "/cart/clear")
    assert shopper.cart()["items"] == []
    save_all()
    redis_server.flushdb()

    after = shopper.cart()

    assert (after["items"], after["id"], after["version"]) == (
        [], emptied["id"], emptied["version"],
    )  # fmt: skip


def test_a_removed_line_does_not_return_with_a_lost_cart(
    shopper: Shopper, redis_server: Redis
) -> None:
    kept, removed = SkuFactory.create_batch(2)
    shopper.add(kept)
    cart = shopper.add(removed)
    save_all()
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")
    save_all()

    redis_server.flushdb()

    assert quantities_of(shopper.cart()) == {kept.id: 1}


def test_a_restored_guest_expires_when_the_cart_does(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    save_all()
    redis_server.flushdb()
    Cart.objects.update(updated_at=row_of(guest).updated_at - timedelta(days=10))

    guest.cart()

    ttl_ms = redis_server.pttl(cart_key(owner_of(guest)))
    assert 19.9 * DAY_MS < ttl_ms < 20.1 * DAY_MS


def test_a_restored_user_stays(user: Shopper, redis_server: Redis) -> None:
    user.add(SkuFactory.create())
    save_all()
    redis_server.flushdb()

    user.cart()

    assert redis_server.pttl(cart_key(owner_of(user))) == -1


def test_a_guest_past_expiry_gets_a_new_cart(guest: Shopper, redis_server: Redis) -> None:
    before = guest.add(SkuFactory.create())
    save_all()
    let_idle(guest)
    redis_server.flushdb()

    empty = guest.cart()
    started = guest.add(SkuFactory.create())

    assert (empty["items"], empty["version"]) == ([], 0)
    assert empty["id"] == started["id"] != before["id"]
    save_all()
    assert dict(Cart.objects.values_list("id", "status")) == {
        before["id"]: "EXPIRED",
        started["id"]: "ACTIVE",
    }


def test_a_users_cart_comes_back_however_old(user: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    user.add(sku, 2)
    save_all()
    let_idle(user, days=1_000)
    redis_server.flushdb()

    assert quantities_of(user.cart()) == {sku.id: 2}


@pytest.mark.parametrize("status", ["EXPIRED", "CHECKEDOUT"])
def test_an_ended_cart_does_not_return_and_the_next_one_has_an_id_of_its_own(
    status: str, shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    ids = set()
    for _ in range(3):
        ids.add(shopper.add(sku)["id"])
        save_all()
        Cart.objects.filter(status="ACTIVE").update(status=status)
        redis_server.flushdb()
        assert shopper.cart()["items"] == []

    assert len(ids) == 3
    assert shopper.cart()["id"] == shopper.cart()["id"] not in ids


def test_a_living_cart_is_not_overwritten(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    shopper.add(sku, 3)
    living = hash_of(redis_server, shopper)

    restored = restore_cart(owner_of(shopper))

    assert restored.line_of(sku.id).quantity == 5  # type: ignore[union-attr]
    assert hash_of(redis_server, shopper) == living


def test_nothing_is_restored_for_whoever_had_no_cart(shopper: Shopper) -> None:
    owner = owner_of(shopper)

    restored = restore_cart(owner)

    assert (restored.id, restored.version) == (derive_cart_id(owner, None), 0)


def test_a_miss_costs_one_query(guest: Shopper) -> None:
    with CaptureQueriesContext(connection) as queries:
        guest.cart()

    assert len(queries) == 1


@pytest.mark.parametrize("size", [1, 50])
def test_a_restore_costs_one_query_whatever_the_size(
    size: int, shopper: Shopper, redis_server: Redis
) -> None:
    for sku in SkuFactory.create_batch(size):
        shopper.add(sku)
    save_all()
    redis_server.flushdb()

    with CaptureQueriesContext(connection) as queries:
        restore_cart(owner_of(shopper))

    assert len(queries) == 1


def test_a_retired_cart_is_swept_again_after_its_return(user: Shopper, redis_server: Redis) -> None:
    user.add(SkuFactory.create())
    save_all()
    Cart.objects.update(retired_at=row_of(user).saved_at)
    lose_hash(redis_server, user)

    user.cart()

    assert row_of(user).retired_at is None


def test_a_restored_version_is_the_saved_one(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    redis_server.flushdb()

    shopper.cart()

    assert version_of(redis_server, shopper) == row_of(shopper).version
