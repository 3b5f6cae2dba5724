"""Drains of the change log at the same time, as two beats or a slow run make them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, local

import pytest
from django.db import connection
from pytest_django import Settings
from redis import Redis

from carts.log import rows
from carts.log.rows import drain_streams
from carts.models import CartChange
from tests.carts.log.entries import ENTRY, STREAM, write_entries
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import INSERT_CHANGES, READ_CHANGES, act_after

pytestmark = pytest.mark.django_db(transaction=True)

DRAINS = 4
ENTRIES = 2_000


@pytest.fixture
def _all_read_before_any_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every drain wait, with its first batch, for the others to have read theirs."""
    everybody, thread = Barrier(DRAINS), local()

    def wait_once() -> None:
        if not hasattr(thread, "has_waited"):
            thread.has_waited = True
            everybody.wait(PATIENCE_SECONDS)

    act_after(monkeypatch, READ_CHANGES, wait_once)


@pytest.fixture
def _no_constraint() -> Iterator[None]:
    execute("ALTER TABLE carts_cartchange DROP CONSTRAINT cartchange_once")
    yield
    execute("TRUNCATE carts_cartchange")
    execute(
        "ALTER TABLE carts_cartchange"
        " ADD CONSTRAINT cartchange_once UNIQUE (cart_id, version, stream_id)"
    )


@pytest.mark.usefixtures("_all_read_before_any_writes")
def test_drains_at_the_same_time_write_each_change_once(redis_server: Redis) -> None:
    write_entries(redis_server, ENTRIES)

    run_together(lambda _: drain_streams(), range(DRAINS), threads=DRAINS)

    versions = CartChange.objects.values_list("version", flat=True)
    assert sorted(versions) == list(range(1, ENTRIES + 1))
    assert redis_server.xlen(STREAM) == 0
    assert redis_server.hget(f"{STREAM}:progress", "drained") == b"%d" % ENTRIES


@pytest.mark.usefixtures("_all_read_before_any_writes", "_no_constraint")
def test_without_the_constraint_drains_at_the_same_time_write_changes_twice(
    redis_server: Redis,
) -> None:
    write_entries(redis_server, ENTRIES)

    run_together(lambda _: drain_streams(), range(DRAINS), threads=DRAINS)

    assert CartChange.objects.count() >= ENTRIES + (DRAINS - 1) * 500


Overtake = Callable[[], tuple[list[int], list[int]]]


@pytest.fixture
def overtake(
    settings: Settings, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Overtake]:
    """Have a drain of one shard stop before its commit while another drains the next shard.

    Returns the ids that are seen once the other has committed or waits, and all ids at the end.
    """
    settings.CART_SHARDS = 2
    keys = [f"{{c{shard:02d}}}{STREAM}" for shard in range(2)]
    is_written, may_commit = Event(), Event()

    def hold() -> None:
        is_written.set()
        may_commit.wait(PATIENCE_SECONDS)

    def drain() -> None:
        try:
            drain_streams()
        finally:
            connection.close()

    def run() -> tuple[list[int], list[int]]:
        with ThreadPoolExecutor(2) as pool:
            redis_server.xadd(keys[0], ENTRY)
            with monkeypatch.context() as patch:
                act_after(patch, INSERT_CHANGES, hold)
                slow = pool.submit(drain)
                assert is_written.wait(PATIENCE_SECONDS)
            redis_server.delete(keys[0])
            redis_server.xadd(keys[1], ENTRY)
            fast = pool.submit(drain)
            while not fast.done() and not somebody_waits_for_a_turn():
                time.sleep(0.01)
            seen = ids()
            may_commit.set()
            slow.result(PATIENCE_SECONDS)
            fast.result(PATIENCE_SECONDS)
        return seen, ids()

    yield run
    may_commit.set()


def test_a_row_is_never_seen_before_one_with_a_lower_id(overtake: Overtake) -> None:
    seen, finally_seen = overtake()

    assert (len(seen), len(finally_seen)) == (0, 2)


def test_without_turns_a_row_is_seen_before_one_with_a_lower_id(
    overtake: Overtake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_take_turn", lambda: None)

    seen, finally_seen = overtake()

    assert len(finally_seen) == 2
    assert seen == finally_seen[1:]


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def ids() -> list[int]:
    return list(CartChange.objects.order_by("pk").values_list("pk", flat=True))


def somebody_waits_for_a_turn() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])
