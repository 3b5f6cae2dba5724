"""Threads that really run at the same time, each with its own database connection."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")

PATIENCE_SECONDS = 30


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


def _run_in_every_thread(
    pool: ThreadPoolExecutor, threads: int, action: Callable[[], None]
) -> None:
    all_are_here = Barrier(threads)

    def run() -> None:
        action()
        all_are_here.wait(PATIENCE_SECONDS)

    for future in [pool.submit(run) for _ in range(threads)]:
        future.result()
