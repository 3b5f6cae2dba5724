"""What /metrics tells of the carts."""

import time

import pytest
from pytest_django import Settings
from redis import Redis

from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartUnreadable
from carts.live import store
from carts.live.store import ChangeContext
from carts.log.rows import drain_streams
from tests.accounts.api.test_login import without_redis
from tests.carts.log.entries import ENTRY, STREAM, write_entries, write_entry
from tests.carts.shopper import Shopper, new_guest
from tests.config.admin.figures import grows, read_figure
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def test_live_carts_are_counted_when_they_are_asked_for(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    time.sleep(0.05)
    user.add(sku)

    assert read_figure("cart_store_up") == 1
    assert read_figure("cart_unsaved") == 2
    assert read_figure("cart_changes_waiting") == 2
    assert 0.05 <= read_figure("cart_oldest_unsaved_seconds") < 30
    assert 0.05 <= read_figure("cart_oldest_change_seconds") < 30
    assert read_figure("cart_changes_lost_total") == 0


def test_an_empty_store_has_no_age(db: None) -> None:
    assert read_figure("cart_unsaved") == 0
    assert read_figure("cart_oldest_unsaved_seconds") == 0
    assert read_figure("cart_changes_waiting") == 0
    assert read_figure("cart_oldest_change_seconds") == 0


def test_memory_is_measured_by_what_the_store_may_use(redis_server: Redis) -> None:
    machine = read_figure("cart_store_memory_limit_bytes")
    used = read_figure("cart_store_memory_bytes")
    redis_server.config_set("maxmemory", 1_000_000_000)
    try:
        limited = read_figure("cart_store_memory_limit_bytes")
    finally:
        redis_server.config_set("maxmemory", 0)

    assert 100_000 < used < limited == 1_000_000_000
    assert machine == redis_server.info("memory")["total_system_memory"]


def test_every_shard_is_in_the_figures(settings: Settings) -> None:
    settings.CART_SHARDS = 3
    sku = SkuFactory.create()
    for _ in range(12):
        new_guest().add(sku)

    assert read_figure("cart_unsaved") == 12
    assert read_figure("cart_changes_waiting") == 12


def test_merges_and_what_they_capped_are_counted_once(guest: Shopper, user: Shopper) -> None:
    scarce, plain = SkuFactory.create(stock=3), SkuFactory.create()
    user.add(scarce, 2)
    guest.add(scarce, 3)
    guest.add(plain)

    for _ in range(3):
        user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert read_figure("cart_merges_total") == 1
    assert read_figure("cart_merge_capped_lines_total") == 1
    assert read_figure("cart_merges_pending") == 0


def test_without_the_store_the_figures_say_so(guest: Shopper) -> None:
    # Asked three times for its figures, the first time by `grows`, and once for a cart.
    with (
        without_redis("carts"),
        grows("cart_store_unavailable_total", reason="ConnectionError", by=4),
    ):
        up, unsaved = read_figure("cart_store_up"), read_figure("cart_unsaved")
        guest.refusal("GET", "/cart")

    assert (up, unsaved) == (0, 0)


def test_a_script_that_fails_is_counted(guest: Shopper, redis_server: Redis) -> None:
    redis_server.set(f"cart:guest:{guest.owner_id}", "not a hash")
    owner = CartOwner.for_guest(guest.owner_id)
    cart = Cart("c" * 24, owner, version=0, created_ms=0, updated_ms=0)

    with pytest.raises(CartUnreadable):
        store.clear(cart, ChangeContext(source="api"))

    assert read_figure("cart_script_errors_total") == 1


def test_the_drain_is_counted_with_what_it_sets_aside_and_what_was_lost(
    redis_server: Redis, settings: Settings
) -> None:
    write_entries(redis_server, 700)
    write_entry(redis_server, {**ENTRY, "before": "many"})
    redis_server.xtrim(STREAM, maxlen=501, approximate=False)

    before = read_figure("cart_changes_lost_total")
    drain_streams()

    assert before == read_figure("cart_changes_lost_total") == 200
    assert read_figure("cart_changes_drained_total") == 501
    assert read_figure("cart_changes_unreadable_total") == 1
    assert read_figure("cart_changes_waiting") == 0
