"""Saves beside changes, restores and other saves: the newer state always wins."""

import itertools
from collections.abc import Callable
from threading import Event
from typing import TypeVar, cast

import pytest
from django.db import OperationalError, transaction
from django.test import override_settings
from redis import Redis

from carts.domain.cart import Cart as SavedCart
from carts.domain.cart import CartOwner
from carts.live import bulk, store
from carts.live.keys import cart_key
from carts.models import Cart, CartItem
from carts.permanent import rows
from carts.permanent.copies import read_copy
from carts.permanent.saving import SaveResult, save_cart, save_oldest
from carts.permanent.writing import PriceList, WriteResult, make_copy, write_copies
from tests.carts.permanent.copies import (
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
    version_of,
)
from tests.carts.shopper import Shopper, new_guest, quantities_of
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.scripts import change_scripts
from tests.steps import (
    CONFIRM_SAVE,
    INSERT_CARTS,
    WRITE_COPIES,
    WRITE_LINES,
    Step,
    act_before,
    begin_at_most,
    leave_unsettled,
    write_over_newer_copies,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_limits"),
]

Outcome = TypeVar("Outcome")

SAVERS = 4
CARTS = 60


@pytest.fixture
def shopper() -> Shopper:
    return new_guest()


def do_together(action: Callable[[int], Outcome], threads: int) -> list[Outcome]:
    """Run an action in threads of their own, numbered from 0; raise what one of them raises."""
    outcomes = run_together(action, range(threads), threads=threads)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return cast(list[Outcome], outcomes)


@pytest.fixture
def _no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    write_over_newer_copies(monkeypatch)


def read_to_save(owner: CartOwner) -> Callable[[], WriteResult]:
    """Read a cart as a save does; what is returned writes what was read."""
    carts = bulk.read_to_save("", [owner]).found
    terms = PriceList().read_terms(carts)
    return lambda: write_copies([make_copy(live, terms) for live in carts])


def test_a_copy_that_was_overtaken_by_another_save_changes_no_row(shopper: Shopper) -> None:
    sku, late = SkuFactory.create_batch(2)
    shopper.add(sku, 1)
    save_all()
    shopper.add(sku, 1)
    write_old_copy = read_to_save(owner_of(shopper))
    shopper.add(late, 5)
    save_all()
    newest = row_of(shopper).version

    written = write_old_copy()

    assert (written.count, written.drifted) == (0, [owner_of(shopper)])
    assert saved_units(shopper) == {sku.id: 2, late.id: 5}
    assert row_of(shopper).version == newest


def test_a_copy_written_late_does_not_bring_back_what_was_bought(
    shopper: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    save_all()
    shopper.add(sku, 1)
    write_old_copy = read_to_save(owner_of(shopper))
    redis_server.flushdb()
    with monkeypatch.context() as patch:
        leave_unsettled(patch)
        place_order(shopper)
    redis_server.flushdb()
    # The first cart comes back as bought, and its end is never saved by itself.
    buy(shopper, sku, 3)
    redis_server.flushdb()

    write_old_copy()

    assert shopper.cart()["items"] == []
    assert list(Cart.objects.values_list("status", flat=True)) == ["CHECKEDOUT", "CHECKEDOUT"]


def test_uniting_with_a_copy_written_late_does_not_bring_back_what_was_bought(
    shopper: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku, other = SkuFactory.create_batch(2)
    shopper.add(sku, 2)
    with monkeypatch.context() as patch:
        leave_unsettled(patch)
        place_order(shopper)
    shopper.add(other, 1)
    write_old_copy = read_to_save(owner_of(shopper))
    redis_server.flushdb()
    assert shopper.cart()["items"] == []

    write_old_copy()
    result = save_all()

    assert result == SaveResult(saved=1, united=1)
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {other.id: 1}


@pytest.mark.usefixtures("_no_guard")
def test_without_the_guard_an_overtaken_copy_undoes_a_change(shopper: Shopper) -> None:
    sku, late = SkuFactory.create_batch(2)
    shopper.add(sku, 1)
    save_all()
    shopper.add(sku, 1)
    write_old_copy = read_to_save(owner_of(shopper))
    shopper.add(late, 5)
    save_all()

    write_old_copy()

    assert saved_units(shopper) == {sku.id: 2}


def test_a_copy_written_before_a_newer_one_is_followed_by_it(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    write_copy = read_to_save(owner_of(shopper))
    shopper.add(sku, 1)

    assert write_copy().count == 1
    assert saved_units(shopper) == {sku.id: 1}
    assert save_all() == SaveResult(saved=1)

    assert saved_units(shopper) == {sku.id: 2}
    assert row_of(shopper).version == version_of(redis_server, shopper)


def restore_after_a_change(shopper: Shopper, redis_server: Redis) -> Callable[[], object]:
    """Read a lost cart's copy as a restore does, then let it be restored and changed.

    What is returned puts the copy that was read in place.
    """
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    save_all()
    lose_hash(redis_server, shopper)
    copy = read_copy(owner_of(shopper))
    assert copy is not None
    assert quantities_of(shopper.add(sku, 4)) == {sku.id: 5}
    return lambda: store.load_if_absent(copy.cart, saved_version=copy.cart.version)


def test_a_restore_that_was_overtaken_by_a_change_leaves_the_changed_cart(
    shopper: Shopper, redis_server: Redis
) -> None:
    put_old_copy = restore_after_a_change(shopper, redis_server)

    put_old_copy()

    assert list(quantities_of(shopper.cart()).values()) == [5]


def test_a_restore_that_did_not_look_for_a_living_cart_would_undo_the_change(
    shopper: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_old_copy = restore_after_a_change(shopper, redis_server)
    look = b"if redis.call('EXISTS', cart_key) == 0 then"
    change_scripts(monkeypatch, "load_if_absent", look, b"if true then")

    put_old_copy()

    monkeypatch.undo()
    assert list(quantities_of(shopper.cart()).values()) == [1]


def fill_carts(number: int) -> list[Shopper]:
    skus = SkuFactory.create_batch(3)
    shoppers = [new_guest() for _ in range(number)]
    for shopper in shoppers:
        for sku in skus:
            shopper.add(sku)
    return shoppers


def test_savers_at_the_same_time_write_each_first_copy_once(redis_server: Redis) -> None:
    fill_carts(CARTS)

    results = do_together(lambda _: save_all(), SAVERS)

    assert sum(results, SaveResult()).saved == CARTS
    assert (Cart.objects.count(), CartItem.objects.count()) == (CARTS, 3 * CARTS)
    assert redis_server.zcard("cart:dirty") == 0


@override_settings(CART_SAVE_BATCH=7)
def test_savers_that_share_a_shard_save_each_cart_once(redis_server: Redis) -> None:
    fill_carts(CARTS)

    do_together(lambda _: list(save_oldest(prefix="", source="test")), SAVERS)

    assert Cart.objects.count() == CARTS
    assert redis_server.hget("cart:counters", "saves") == str(CARTS).encode()
    assert redis_server.zcard("cart:dirty") == redis_server.zcard("cart:saving") == 0


def test_savers_and_shoppers_at_the_same_time_end_with_the_newest_state(
    redis_server: Redis,
) -> None:
    shoppers = fill_carts(CARTS)
    sku = SkuFactory.create(stock=10_000)

    def work(number: int) -> None:
        if number < SAVERS:
            for _ in range(10):
                save_all()
        else:
            for shopper in shoppers[number::SAVERS]:
                shopper.add(sku, number)

    do_together(work, 2 * SAVERS)
    save_all()

    assert redis_server.zcard("cart:dirty") == 0
    for shopper in shoppers:
        assert saved_units(shopper) == quantities_of(shopper.cart())
        assert row_of(shopper).version == version_of(redis_server, shopper)
    assert redis_server.hget("cart:counters", "drift") is None


def save_beside_an_open_save() -> SavedCart | None:
    """Save a cart while the save of another has yet to commit; return it as it is saved."""
    slow, quick = fill_carts(2)
    has_written, is_done = Event(), Event()

    def save(number: int) -> SavedCart | None:
        if number == 0:
            with transaction.atomic():
                read_to_save(owner_of(slow))()
                has_written.set()
                is_done.wait(PATIENCE_SECONDS)
            return None
        try:
            has_written.wait(PATIENCE_SECONDS)
            with override_settings(DATABASE_LOCK_TIMEOUT_MS=1_000):
                return save_cart(owner=owner_of(quick), source="test")
        finally:
            is_done.set()

    return do_together(save, 2)[1]


def test_the_save_of_one_cart_does_not_wait_for_the_commit_of_another() -> None:
    saved = save_beside_an_open_save()

    assert saved is not None
    assert Cart.objects.filter(pk=saved.id).exists()


def save_in_opposite_orders(shoppers: list[Shopper]) -> None:
    """Let two savers write the same changed carts, one from the first and one from the last."""
    carts = bulk.read_to_save("", [owner_of(shopper) for shopper in shoppers]).found
    copies = [make_copy(live, PriceList().read_terms(())) for live in carts]
    orders = [copies, copies[::-1]]
    do_together(lambda turn: write_copies(orders[turn]), 2)


def change_all(redis_server: Redis, shoppers: list[Shopper]) -> None:
    for shopper in shoppers:
        redis_server.hincrby(cart_key(owner_of(shopper)), "@version", 1)


@pytest.fixture
def _begins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide no deadlock by beginning again."""
    begin_at_most(monkeypatch, times=1)


@pytest.mark.usefixtures("_begins_once")
def test_savers_of_the_same_carts_do_not_deadlock(redis_server: Redis) -> None:
    shoppers = fill_carts(CARTS)
    save_all()

    for _ in range(20):
        change_all(redis_server, shoppers)
        save_in_opposite_orders(shoppers)

    versions = [row_of(shopper).version for shopper in shoppers]
    assert versions == [version_of(redis_server, shopper) for shopper in shoppers]


@pytest.mark.usefixtures("_begins_once")
def test_without_locks_in_order_savers_of_the_same_carts_deadlock(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoppers = fill_carts(CARTS)
    save_all()
    monkeypatch.setattr(rows, "_LOCK_CARTS", rows._FIND_CARTS)
    # One statement for each cart, in the order they were given.
    update = rows.update_carts
    monkeypatch.setattr(
        rows, "update_carts", lambda carts: set().union(*(update([cart]) for cart in carts))
    )

    def save_until_deadlock() -> None:
        for _ in itertools.repeat(None, 50):
            change_all(redis_server, shoppers)
            save_in_opposite_orders(shoppers)

    with pytest.raises(OperationalError, match="deadlock detected"):
        save_until_deadlock()


def test_single_saves_and_batches_of_the_same_carts_agree(redis_server: Redis) -> None:
    shoppers = fill_carts(20)
    sku = SkuFactory.create(stock=10_000)

    def work(number: int) -> None:
        for shopper in shoppers:
            shopper.add(sku)
            if number % 2:
                save_cart(owner=owner_of(shopper), source="test")
            else:
                save_all()

    do_together(work, 4)
    save_all()

    assert all(saved_units(shopper)[sku.id] == 4 for shopper in shoppers)


class Crashed(Exception):
    """The worker was killed here."""


def crash() -> None:
    raise Crashed


@pytest.mark.parametrize("step", [WRITE_COPIES, INSERT_CARTS, WRITE_LINES, CONFIRM_SAVE], ids=str)
@pytest.mark.parametrize("is_changed", [False, True], ids=["untouched", "changed"])
def test_what_a_killed_saver_left_is_finished_by_the_next(
    step: Step, is_changed: bool, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoppers = fill_carts(5)
    sku = SkuFactory.create()
    with monkeypatch.context() as patch:
        act_before(patch, step, crash)
        with pytest.raises(Crashed):
            save_all()
    if is_changed:
        for shopper in shoppers:
            shopper.add(sku)
            shopper.data("DELETE", f"/cart/item/{shopper.cart()['items'][0]['id']}")

    save_all()

    assert redis_server.zcard("cart:dirty") == 0
    assert redis_server.hget("cart:counters", "drift") is None
    for shopper in shoppers:
        assert saved_units(shopper) == quantities_of(shopper.cart())
        assert row_of(shopper).version == version_of(redis_server, shopper)
