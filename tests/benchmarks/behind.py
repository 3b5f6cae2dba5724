"""Whether saving catches up, and keeps up, where many carts change.

A worker of two processes and a beat save, as in production. Carts have five lines, belong to users
and guests in turns, and one line of each is changed at a fixed rate, the longest unchanged first.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from carts.live.gauges import read_gauges
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.hashes import change_carts, forget_carts, make_owners, put_carts
from tests.benchmarks.shop import stock_shop

_CARTS = 60_000
_PER_SECOND = 1_000
# Changed for so long before anybody saves, and then beside those who do.
_BEHIND_SECONDS = 60
_SECONDS = 120
_LOOK_EVERY = 10
# Changes come in so many carts at once.
_CHUNK = 50

_CELERY = [sys.executable, "-W", "ignore", "-m", "celery", "--app", "config", "--quiet"]
_WORKER = [*_CELERY, "worker", "--loglevel=ERROR", "--concurrency=2"]
_BEAT = [*_CELERY, "beat", "--loglevel=ERROR", "--pidfile="]


def measure(bench: Bench) -> list[Table]:
    """Let saving fall behind by a minute, then start it, and go on changing carts."""
    skus = stock_shop()
    owners = make_owners(_CARTS)
    forget_carts()
    chunks = [owners[start : start + _CHUNK] for start in range(0, _CARTS, _CHUNK)]
    for chunk in chunks:
        put_carts(chunk, skus)

    def change_for(seconds: int) -> Iterator[float]:
        """Change carts at the rate, and say every few seconds how long that has been."""
        began = time.monotonic()
        for number in range(seconds * _PER_SECOND // _CHUNK):
            change_carts(chunks[number % len(chunks)], skus)
            due = (number + 1) * _CHUNK / _PER_SECOND
            time.sleep(max(began + due - time.monotonic(), 0))
            if due % _LOOK_EVERY == 0:
                yield time.monotonic() - began

    rows = [_look(elapsed - _BEHIND_SECONDS, 0) for elapsed in change_for(_BEHIND_SECONDS)][-1:]
    with ExitStack() as stack:
        for command in (_WORKER, _BEAT):
            stack.enter_context(_running(command))
        saved, then = 0, 0.0
        for elapsed in change_for(_SECONDS):
            gauges = read_gauges()
            saves = gauges.counters.get("saves", 0)
            rows.append(_look(elapsed, (saves - saved) / (elapsed - then)))
            saved, then = saves, elapsed
    return [
        Table(
            title=f"{_PER_SECOND:,} changed carts a second, saved by a worker of two processes",
            columns=("seconds", "unsaved carts", "oldest change s", "carts saved/s"),
            rows=rows,
        )
    ]


def _look(elapsed: float, saved_per_second: float) -> tuple[str, float, float, float]:
    gauges = read_gauges()
    oldest = round(gauges.oldest_unsaved_seconds, 1)
    return (f"{elapsed:.0f}", gauges.unsaved_carts, oldest, round(saved_per_second))


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    program = subprocess.Popen(command)
    try:
        yield
    finally:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(30)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
