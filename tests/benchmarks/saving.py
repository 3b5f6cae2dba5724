"""How fast carts get from Valkey to PostgreSQL and back, and what that costs those who shop.

One process saves them: `manage.py sync_cart --all`. Carts have five lines, and belong to users and
guests in turns.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from carts.domain.cart import CartOwner
from carts.permanent.restoring import restore_cart
from products.models import Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.hashes import (
    LINES,
    change_carts,
    connect,
    count_unsaved,
    forget_carts,
    make_owners,
    put_carts,
)
from tests.benchmarks.load import Call, Figures, make_load
from tests.benchmarks.meters import read_store_time
from tests.benchmarks.saver import save_all, saving
from tests.benchmarks.shop import make_buyers, stock_shop

_SIZES = (10_000, 100_000)
_RESTORED = 10_000
_BUYERS = 16

_Row = tuple[str, *tuple[float, ...]]


def measure(bench: Bench) -> list[Table]:
    """Save carts for the first time, changed, and unchanged; restore some; shop meanwhile."""
    skus = stock_shop()
    owners = make_owners(max(_SIZES))
    saves: list[_Row] = []
    idle: list[_Row] = []
    for size in _SIZES:
        forget_carts()
        for name, prepare in (("first save", put_carts), ("one line changed", change_carts)):
            prepare(owners[:size], skus)
            saves.append((f"{size:,}, {name}", *_measure_saving()))
        idle.append((f"{size:,}, all saved", save_all().seconds * 1_000))
    return [
        Table(
            title="Saving carts of 5 lines by one process; CPU time in microseconds a cart",
            columns=("carts", "seconds", "carts/s", "peak MiB", "saver CPU", "PostgreSQL CPU",
                     "Valkey CPU", "carts/s of one core for all"),
            rows=saves,
        ),
        Table(title="Saving when nothing is unsaved", columns=("carts", "ms"), rows=idle),
        *_measure_shopping(bench, skus, owners),
        _measure_restoring(owners[:_RESTORED]),
    ]  # fmt: skip


def _measure_saving() -> tuple[float, ...]:
    before = read_store_time()
    saving = save_all()
    stores = read_store_time() - before
    times = (saving.cpu_seconds, stores.postgres, stores.valkey)
    return (
        saving.seconds,
        round(saving.saved / saving.seconds),
        saving.peak_mib,
        *(seconds / saving.saved * 1_000_000 for seconds in times),
        round(saving.saved / sum(times)),
    )


def _measure_shopping(
    bench: Bench, skus: Sequence[Sku], owners: Sequence[CartOwner]
) -> Iterator[Table]:
    """Read carts while nothing else happens, and while all others are saved, in turns."""
    buyers = make_buyers(bench.url, list(skus), number=_BUYERS, lines=LINES)
    calls = [Call("GET", "/cart", buyer.token) for buyer in buyers]
    make_load(bench.url, calls, connections=max(bench.connections), seconds=1)
    rounds = [_take_turns(bench, calls, skus, owners) for _ in range(bench.rounds)]
    for position, connections in enumerate(bench.connections):
        yield _compare_turns(connections, [turns[position] for turns in rounds])


def _compare_turns(connections: int, turns: Sequence["_Turn"]) -> Table:
    quiet = _take_medians([turn.quiet for turn in turns])
    busy = _take_medians([turn.busy for turn in turns])
    saved = statistics.median(turn.saved_per_second for turn in turns)

    def describe(meanwhile: str, figures: Figures, saved: float) -> _Row:
        return (
            meanwhile,
            round(figures.requests_per_second),
            figures.p50_ms,
            figures.p99_ms,
            figures.p99_ms / quiet.p99_ms,
            round(saved),
        )

    return Table(
        title=f"GET cart, 5 lines, while other carts are saved; connections: {connections}",
        columns=("meanwhile", "requests/s", "p50 ms", "p99 ms", "of quiet p99", "carts saved/s"),
        rows=[describe("nothing", quiet, 0), describe("a full save", busy, saved)],
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    quiet: Figures
    busy: Figures
    saved_per_second: float


def _take_turns(
    bench: Bench, calls: Sequence[Call], skus: Sequence[Sku], owners: Sequence[CartOwner]
) -> list[_Turn]:
    """Make a quiet load and a busy one with each number of connections."""

    def load(connections: int) -> Figures:
        return make_load(bench.url, calls, connections=connections, seconds=bench.seconds)

    change_carts(owners, skus)
    quiet = [load(connections) for connections in bench.connections]
    turns = []
    with saving():
        for connections, figures in zip(bench.connections, quiet, strict=True):
            unsaved = count_unsaved()
            busy = load(connections)
            turns.append(_Turn(figures, busy, (unsaved - count_unsaved()) / bench.seconds))
    return turns


def _take_medians(figures: Sequence[Figures]) -> Figures:
    return Figures(
        requests_per_second=statistics.median(each.requests_per_second for each in figures),
        p50_ms=statistics.median(each.p50_ms for each in figures),
        p99_ms=statistics.median(each.p99_ms for each in figures),
    )


def _measure_restoring(owners: Sequence[CartOwner]) -> Table:
    """Restore carts one by one, each as the first look at it after a loss of Valkey does."""
    valkey = connect()
    valkey.flushdb()
    queries, took_ms = _Counter(), []
    trips_before = valkey.info("stats")["total_reads_processed"]
    with connection.execute_wrapper(queries):
        for owner in owners:
            began = time.perf_counter()
            restored = restore_cart(owner)
            took_ms.append((time.perf_counter() - began) * 1_000)
            assert restored.exists
    # But for this question itself.
    trips = valkey.info("stats")["total_reads_processed"] - trips_before - 1
    percentiles = statistics.quantiles(took_ms, n=100)
    return Table(
        title="Restoring carts of 5 lines on demand, one by one",
        columns=("carts", "carts/s", "p50 ms", "p99 ms", "queries each", "trips to Valkey each"),
        rows=[
            (
                f"{len(owners):,}",
                round(1_000 / statistics.mean(took_ms)),
                percentiles[49],
                percentiles[98],
                queries.number / len(owners),
                trips / len(owners),
            )
        ],
    )


class _Counter:
    """A wrapper of queries that counts them."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, execute: Callable[..., Any], *query: Any) -> Any:
        self.number += 1
        return execute(*query)
