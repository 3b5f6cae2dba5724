"""Threads that really run at the same time, each with its own database connection."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection, transaction

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")

# The longest wait for another thread: far more than one takes on a busy machine.
PATIENCE_SECONDS = 150


def run_together(
    action: Callable[[Argument], Outcome], arguments: Iterable[Argument], *, threads: int = 16
) -> list[Outcome | BaseException]:
    """Run the action once for each argument, and return what each returned or raised.

    All threads are connected before the first one begins.
    """
    with ThreadPoolExecutor(threads) as pool:
        _run_in_every_thread(pool, threads, lambda: connection.ensure_connection())
        futures = [pool.submit(action, argument) for argument in arguments]
        outcomes = [future.exception() or future.result() for future in futures]
        # A test's database cannot be dropped while anybody is connected to it.
        _run_in_every_thread(pool, threads, lambda: connection.close())
    return outcomes


def change_while_another_adds(*, change: Callable[[], object], add: Callable[[], object]) -> None:
    """Change in a transaction, which another thread's adding meets before it is committed."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            adding = pool.submit(run_together, lambda _: add(), [None], threads=1)
            _wait_until(lambda: adding.done() or _is_anybody_waiting_for_a_lock())
        [outcome] = adding.result()
    assert not isinstance(outcome, BaseException), outcome


def _is_anybody_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction the view would otherwise stay as it was first seen.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _run_in_every_thread(
    pool: ThreadPoolExecutor, threads: int, action: Callable[[], None]
) -> None:
    all_are_here = Barrier(threads)

    def run() -> None:
        action()
        all_are_here.wait(PATIENCE_SECONDS)

    for future in [pool.submit(run) for _ in range(threads)]:
        future.result()
