"""How fast the cart calls are served, as shares of an empty view served by the same process."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from products.models import Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.load import Call, Figures, make_load
from tests.benchmarks.meters import read_family_time, read_store_time
from tests.benchmarks.shop import Buyer, add_one, make_buyers, stock_shop

# Carts a load goes round in. As many as the connections, so that two requests seldom meet in one.
_BUYERS = 16
_EMPTY = "empty view"


def measure(bench: Bench) -> list[Table]:
    """Send every load in turns, round by round, and return the medians."""
    loads = {_EMPTY: [Call("GET", "/empty")]} | _build_loads(bench.url, stock_shop())
    for calls in loads.values():
        make_load(bench.url, calls, connections=max(bench.connections), seconds=1)
    return [_measure_loads(bench, loads, connections) for connections in bench.connections]


def _build_loads(url: str, skus: list[Sku]) -> dict[str, list[Call]]:
    """Return the calls by name; every load has carts of its own."""

    def buyers(lines: int) -> list[Buyer]:
        return make_buyers(url, skus, number=_BUYERS, lines=lines)

    return {
        "GET cart, 5 lines": [Call("GET", "/cart", buyer.token) for buyer in buyers(5)],
        "GET cart, 50 lines": [Call("GET", "/cart", buyer.token) for buyer in buyers(50)],
        "POST add, 5 lines": _add_everything(buyers(5)),
        "POST add, 50 lines": _add_everything(buyers(50)),
        "PUT quantity, 5 lines": _set_quantities(buyers(5)),
        "GET summary, 5 lines": [Call("GET", "/cart/summary", buyer.token) for buyer in buyers(5)],
    }


def _add_everything(buyers: Sequence[Buyer]) -> list[Call]:
    """Add to every line in turns: a line may hold 9,999 units."""
    rows = zip(*(buyer.items for buyer in buyers), strict=True)
    return [
        add_one(buyer.token, item["productId"])
        for row in rows
        for buyer, item in zip(buyers, row, strict=True)
    ]


def _set_quantities(buyers: Sequence[Buyer]) -> list[Call]:
    return [
        Call("PUT", f"/cart/item/{item['id']}", buyer.token, {"quantity": quantity})
        for quantity in (2, 3)
        for position in range(len(buyers[0].items))
        for buyer in buyers
        for item in [buyer.items[position]]
    ]


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a load got in one turn, and the CPU time each request cost, in microseconds."""

    figures: Figures
    web: float
    postgres: float
    valkey: float


def _measure_loads(bench: Bench, loads: Mapping[str, Sequence[Call]], connections: int) -> Table:
    turns: dict[str, list[_Turn]] = {name: [] for name in loads}
    for _ in range(bench.rounds):
        for name, calls in loads.items():
            turns[name].append(_take_turn(bench, calls, connections))
    empty = statistics.median(turn.figures.requests_per_second for turn in turns[_EMPTY])
    return Table(
        title=f"Connections: {connections}; CPU time in microseconds a request",
        columns=("call", "requests/s", "p50 ms", "p99 ms", "of the empty view", "web CPU",
                 "PostgreSQL CPU", "Valkey CPU"),
        rows=[(name, *_take_medians(taken, empty)) for name, taken in turns.items()],
    )  # fmt: skip


def _take_turn(bench: Bench, calls: Sequence[Call], connections: int) -> _Turn:
    web, stores = read_family_time(bench.web_pid), read_store_time()
    figures = make_load(bench.url, calls, connections=connections, seconds=bench.seconds)
    used = read_store_time() - stores
    share = 1_000_000 / (figures.requests_per_second * bench.seconds)
    return _Turn(
        figures,
        web=(read_family_time(bench.web_pid) - web) * share,
        postgres=used.postgres * share,
        valkey=used.valkey * share,
    )


def _take_medians(turns: Sequence[_Turn], empty: float) -> tuple[float, ...]:
    figures = [turn.figures for turn in turns]
    rate = statistics.median(each.requests_per_second for each in figures)
    return (
        round(rate),
        statistics.median(each.p50_ms for each in figures),
        statistics.median(each.p99_ms for each in figures),
        rate / empty,
        round(statistics.median(turn.web for turn in turns)),
        round(statistics.median(turn.postgres for turn in turns)),
        round(statistics.median(turn.valkey for turn in turns)),
    )
