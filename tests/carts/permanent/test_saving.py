"""Saving: what reaches the rows, what leaves them, and what stays unsaved."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from accounts.models import User
from carts.domain.cart import CartOwner
from carts.live import bulk
from carts.live.keys import cart_key, shard_prefixes
from carts.models import Cart, CartItem
from carts.permanent import writing
from carts.permanent.copies import read_carts
from carts.permanent.saving import SaveResult, save_cart
from config.hashing import hash_secret
from tests.carts.conftest import RoundTrips
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    owner_of,
    put_unsaved,
    row_of,
    save_all,
    saved_units,
    version_of,
)
from tests.carts.permanent.test_mapping import CART
from tests.carts.shopper import Shopper, item_id, new_guest, new_user
from tests.factories import SkuFactory
from tests.steps import CONFIRM_SAVE, LOCK_CARTS, act_before_next, replace_step

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]


@pytest.fixture
def change_before_confirming(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[], object]], None]:
    """Have something done once, after the rows have been written and before that is noted."""

    def arrange(change: Callable[[], object]) -> None:
        act_before_next(monkeypatch, CONFIRM_SAVE, change)

    return arrange


def test_a_changed_cart_is_saved_with_all_its_lines(shopper: Shopper, redis_server: Redis) -> None:
    first, second = SkuFactory.create_batch(2, price="149.99")
    shopper.add(first, 2)
    cart = shopper.add(second, 3)
    shopper.data("PUT", f"/cart/item/{item_id(cart, first)}", {"selected": False})

    result = save_all()

    assert result == SaveResult(saved=1)
    row = row_of(shopper)
    assert (row.id, row.status, row.currency) == (cart["id"], "ACTIVE", "CNY")
    assert (row.version, row.item_count, str(row.total_amount)) == (
        version_of(redis_server, shopper), 3, "449.97",
    )  # fmt: skip
    assert list(row.items.order_by("added_at").values_list("sku_id", "quantity", "selected")) == [
        (first.id, 2, False),
        (second.id, 3, True),
    ]
    assert (row.expires_at - row.updated_at).days == 30
    assert not is_unsaved(redis_server, shopper)


def test_a_later_save_writes_what_changed_and_deletes_what_was_removed(
    shopper: Shopper, redis_server: Redis
) -> None:
    kept, grown, removed, added = SkuFactory.create_batch(4)
    for sku in (kept, grown, removed):
        cart = shopper.add(sku, 1)
    save_all()
    numbers = dict(CartItem.objects.values_list("sku_id", "pk"))
    shopper.add(grown, 4)
    shopper.add(added, 2)
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")

    result = save_all()

    assert result == SaveResult(saved=1)
    assert saved_units(shopper) == {kept.id: 1, grown.id: 5, added.id: 2}
    assert CartItem.objects.get(sku=kept).pk == numbers[kept.id]
    assert CartItem.objects.get(sku=grown).pk == numbers[grown.id]
    assert row_of(shopper).version == version_of(redis_server, shopper)


def test_an_emptied_cart_is_saved_as_empty(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    shopper.data("DELETE", "/cart/clear")

    save_all()

    assert saved_units(shopper) == {}
    assert (row_of(shopper).status, row_of(shopper).item_count) == ("ACTIVE", 0)


def test_nothing_is_read_or_written_for_carts_that_have_not_changed(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    save_all()

    with CaptureQueriesContext(connection) as queries:
        result = save_all()

    assert result == SaveResult()
    assert len(queries) == 0


def test_saving_a_saved_cart_changes_nothing(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    before = row_of(shopper)

    saved = save_cart(owner=owner_of(shopper), source="test")

    assert saved is not None
    assert saved.version == before.version
    assert row_of(shopper).saved_at == before.saved_at


def test_a_cart_that_was_never_used_is_not_saved(shopper: Shopper) -> None:
    shopper.cart()

    save_cart(owner=owner_of(shopper), source="test")

    assert Cart.objects.count() == 0


def test_persisting_saves_at_once(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)

    save_cart(owner=owner_of(shopper), source="test")

    assert saved_units(shopper) == {sku.id: 2}
    assert not is_unsaved(redis_server, shopper)


@pytest.mark.parametrize("carts", [1, 40])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
def test_a_batch_takes_the_same_queries_whatever_its_size(carts: int, is_first: bool) -> None:
    skus = SkuFactory.create_batch(3)
    shoppers = [new_guest() for _ in range(carts)] + [new_user() for _ in range(carts)]
    for shopper in shoppers:
        cart = shopper.add(skus[0])
        shopper.add(skus[1])
    if not is_first:
        save_all()
        for shopper in shoppers:
            shopper.add(skus[2], 2)
            owned = shopper.add(skus[1], 2)
            shopper.data("DELETE", f"/cart/item/{item_id(owned, skus[0])}")
    assert cart["version"] > 0

    with CaptureQueriesContext(connection) as queries:
        result = save_all()

    assert result == SaveResult(saved=2 * carts)
    # Prices, a transaction (2), its planning, rows locked, carts, lines.
    assert len(queries) == 7


@pytest.mark.parametrize(("carts", "trips"), [(1, 3), (20, 3), (21, 5), (60, 7)])
def test_a_batch_takes_two_round_trips_for_twenty_carts(
    carts: int,
    trips: int,
    redis_server: Redis,
    redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]],
) -> None:
    """And three whatever their number: two for the counter of saves, one for the list."""
    put_unsaved(redis_server, CART)
    save_all()
    for number in range(carts):
        owner = CartOwner.for_guest(f"guest-of-many-{number}")
        put_unsaved(redis_server, replace(CART, id=f"c{number}", owner=owner))

    with redis_round_trips() as made:
        result = save_all()

    assert result == SaveResult(saved=carts)
    assert made.count == trips


def count_whole_reads() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname = ANY(%s)",
            (["carts_cart", "carts_cartitem", "accounts_user"],),
        )
        [reads] = cursor.fetchone()
    return int(reads)


def test_a_save_reads_no_table_as_a_whole(shopper: Shopper) -> None:
    """Though the planner would, with as few rows as a test has."""
    sku = SkuFactory.create()
    for _ in range(3):
        shopper.add(sku)
        before = count_whole_reads()

        assert save_all() == SaveResult(saved=1)

        assert count_whole_reads() == before


def test_a_save_touches_only_the_lines_that_differ(shopper: Shopper) -> None:
    kept, changed, removed, added = SkuFactory.create_batch(4)
    for sku in (kept, changed, removed):
        cart = shopper.add(sku)
    save_all()
    before = dict(CartItem.objects.values_list("sku_id", RawSQL("ctid::text", ())))

    shopper.add(changed)
    shopper.data("DELETE", f"/cart/item/{item_id(cart, removed)}")
    shopper.add(added, 3)
    save_all()

    after = dict(CartItem.objects.values_list("sku_id", RawSQL("ctid::text", ())))
    assert saved_units(shopper) == {kept.id: 1, changed.id: 2, added.id: 3}
    assert after[kept.id] == before[kept.id]
    assert after[changed.id] != before[changed.id]


@override_settings(CART_SAVE_BATCH=3)
def test_many_batches_save_every_cart(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest() for _ in range(10)]
    for shopper in shoppers:
        shopper.add(sku)

    result = save_all()

    assert result == SaveResult(saved=10)
    assert Cart.objects.count() == CartItem.objects.count() == 10
    assert redis_server.zcard("cart:dirty") == 0


@override_settings(CART_SHARDS=7)
def test_every_shard_is_saved(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest() for _ in range(20)]
    for shopper in shoppers:
        shopper.add(sku, 2)
    assert sum(redis_server.zcard(f"{prefix}cart:dirty") > 0 for prefix in shard_prefixes()) > 3

    result = save_all()

    assert result == SaveResult(saved=20)
    assert all(saved_units(shopper) == {sku.id: 2} for shopper in shoppers)


def test_the_slower_of_two_first_saves_finds_the_cart_saved(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    lock_carts = LOCK_CARTS.function

    def find_nothing_and_be_overtaken(_: Any) -> Any:
        replace_step(monkeypatch, LOCK_CARTS, lock_carts)
        save_all()
        return {}

    replace_step(monkeypatch, LOCK_CARTS, find_nothing_and_be_overtaken)

    saved = save_cart(owner=owner_of(shopper), source="test")

    assert saved is not None
    assert (saved.version, saved_units(shopper)) == (row_of(shopper).version, {sku.id: 2})


def test_a_change_during_the_save_keeps_the_cart_unsaved(
    shopper: Shopper, redis_server: Redis, change_before_confirming: Callable[..., None]
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    shopper.add(sku, 1)
    change_before_confirming(lambda: shopper.add(sku, 1))

    save_all()

    assert saved_units(shopper) == {sku.id: 2}
    assert is_unsaved(redis_server, shopper)
    # No longer since the first of the changes, which is saved now.
    age = redis_server.zscore("cart:dirty", cart_key(owner_of(shopper)))
    assert age == row_of(shopper).version
    assert save_all() == SaveResult(saved=1)
    assert saved_units(shopper) == {sku.id: 3}


def test_a_cart_is_unsaved_since_its_first_change(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    first = redis_server.zscore("cart:dirty", cart_key(owner_of(shopper)))
    time.sleep(0.002)

    shopper.add(sku)

    assert redis_server.zscore("cart:dirty", cart_key(owner_of(shopper))) == first


def test_prices_of_a_long_run_take_bounded_memory(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MAX_PRICES", 2)
    prices, known = writing.PriceList(), []
    for sku in SkuFactory.create_batch(3):
        guest = new_guest()
        guest.add(sku)
        carts = bulk.read_to_save("", [owner_of(guest)]).found
        terms = prices.read_terms(carts)
        assert terms.prices[sku.id] is not None
        known.append(len(terms.prices))

    assert known == [1, 2, 1]


def test_a_save_has_the_sweep_look_for_the_hash_again(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    save_all()
    # A sweep found no hash just before the cart came back.
    Cart.objects.update(retired_at=timezone.now())
    shopper.add(sku)

    save_all()

    assert row_of(shopper).retired_at is None


def test_a_cart_whose_hash_vanished_is_counted_and_forgotten(
    shopper: Shopper, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create())
    redis_server.delete(cart_key(owner_of(shopper)))

    result = save_all()

    assert result == SaveResult(vanished=1)
    assert not is_unsaved(redis_server, shopper)
    assert Cart.objects.count() == 0


def test_the_next_cart_ends_the_one_before(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    first = shopper.add(sku, 2)["id"]
    save_all()
    # Bought and begun anew between two saves.
    key = cart_key(owner_of(shopper))
    redis_server.hset(key, "@status", "CHECKEDOUT")
    redis_server.hdel(key, sku.id)
    second = shopper.add(sku, 3)["id"]

    result = save_all()

    assert result == SaveResult(saved=1)
    assert dict(Cart.objects.values_list("id", "status")) == {first: "CHECKEDOUT", second: "ACTIVE"}
    assert dict(CartItem.objects.values_list("cart_id", "quantity")) == {second: 3}
    # No hash will ever tell of the first again, so the sweep need not look for one.
    assert [cart.id for cart in Cart.objects.filter(retired_at=None)] == [second]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis, key: redis.hset(key, "@version", "not a number"),
        lambda redis, key: redis.hdel(key, "@id"),
        lambda redis, key: redis.hset(key, "@status", "STOLEN"),
        lambda redis, key: redis.hset(key, "s" * 24, "too short"),
        lambda redis, key: redis.hset(key, "@saved", "never"),
        lambda redis, key: redis.hset(key, "@id", 'quo"ted'),
        lambda redis, key: redis.hset(key, b"\xff\xfe", b"\0" * 22),
        lambda redis, key: redis.hset(key, "@updated", 2**63),
        lambda redis, key: redis.hset(key, "@merging", "u" * 100 + ":sum"),
        lambda redis, key: (redis.delete(key), redis.set(key, "no hash at all")),
    ],
)
def test_a_poisoned_hash_is_set_aside_and_the_others_are_saved(
    spoil: Callable[[Redis, str], object], redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shoppers = [new_guest() for _ in range(5)]
    for shopper in shoppers:
        shopper.add(sku)
    poisoned = shoppers.pop(2)
    spoil(redis_server, cart_key(owner_of(poisoned)))

    result = save_all()

    assert result == SaveResult(saved=4, set_aside=1)
    assert all(saved_units(shopper) == {sku.id: 1} for shopper in shoppers)
    assert redis_server.zrange("cart:set-aside", 0, -1) == [cart_key(owner_of(poisoned)).encode()]
    assert save_all() == SaveResult()


def test_the_log_names_what_is_set_aside_and_no_guest_id(
    user: Shopper, guest: Shopper, redis_server: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for shopper in (user, guest):
        shopper.add(SkuFactory.create())
        redis_server.hdel(cart_key(owner_of(shopper)), "@id")
    redis_server.zadd("cart:dirty", {b"\xff stranger": 1})
    caplog.clear()

    save_all()

    assert f"user:{user.owner_id}" in caplog.text
    assert f"guest:#{hash_secret(owner_of(guest).key)}" in caplog.text
    assert guest.owner_id not in caplog.text
    assert "stranger" not in caplog.text


def test_a_stranger_in_the_list_of_unsaved_carts_is_set_aside(redis_server: Redis) -> None:
    shopper = new_guest()
    shopper.add(SkuFactory.create())
    strangers: dict[Any, int] = {"nobody's": 1, b"\xff": 2}
    redis_server.zadd("cart:dirty", strangers)

    result = save_all()

    assert result == SaveResult(saved=1, set_aside=2)
    assert save_all() == SaveResult()


def test_the_next_change_brings_a_mended_cart_back(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    key = cart_key(owner_of(shopper))
    redis_server.hset(key, "@merged", "not a mark")
    assert save_all() == SaveResult(set_aside=1)
    redis_server.hdel(key, "@merged")

    shopper.add(sku)

    assert save_all() == SaveResult(saved=1)
    assert saved_units(shopper) == {sku.id: 2}
    assert redis_server.zcard("cart:set-aside") == 0


def test_carts_of_deleted_users_are_erased(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    gone, other = new_user(), new_user()
    for shopper in (gone, other):
        shopper.add(sku)
    User.objects.filter(pk=gone.owner_id).delete()

    result = save_all()

    assert result == SaveResult(saved=1, vanished=1)
    assert saved_units(other) == {sku.id: 1}
    assert redis_server.zcard("cart:dirty") == redis_server.zcard("cart:set-aside") == 0


def test_lines_of_unknown_skus_are_saved_as_well(redis_server: Redis) -> None:
    cart = replace(CART, owner=CartOwner.for_guest("guest-12345678"))
    put_unsaved(redis_server, cart)

    result = save_all()

    assert result == SaveResult(saved=1)
    assert read_carts([cart.id]) == {cart.id: cart}


def test_a_saved_hash_knows_its_saved_version(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    save_all()
    first = version_of(redis_server, shopper)
    assert hash_of(redis_server, shopper)[b"@saved"] == str(first).encode()
    shopper.add(sku)
    save_all()

    second = version_of(redis_server, shopper)
    assert hash_of(redis_server, shopper)[b"@saved"] == str(second).encode()


def test_a_clock_that_is_behind_ends_no_cart_early(redis_server: Redis) -> None:
    put_unsaved(redis_server, replace(CART, updated_ms=1, created_ms=1))

    save_all()

    row = Cart.objects.get()
    assert (row.expires_at - row.saved_at).total_seconds() == 30 * 86_400 - 3_600
