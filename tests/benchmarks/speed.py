"""How fast the cart calls are served, as shares of an empty view served by the same process."""

import statistics
from collections.abc import Mapping, Sequence

from products.models import Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.load import Call, Figures, make_load
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


def _measure_loads(bench: Bench, loads: Mapping[str, Sequence[Call]], connections: int) -> Table:
    measured: dict[str, list[Figures]] = {name: [] for name in loads}
    for _ in range(bench.rounds):
        for name, calls in loads.items():
            figures = make_load(bench.url, calls, connections=connections, seconds=bench.seconds)
            measured[name].append(figures)
    medians = {name: _take_medians(figures) for name, figures in measured.items()}
    empty = medians[_EMPTY].requests_per_second
    return Table(
        title=f"Connections: {connections}",
        columns=("call", "requests/s", "p50 ms", "p99 ms", "of the empty view"),
        rows=[
            (
                name,
                round(median.requests_per_second),
                median.p50_ms,
                median.p99_ms,
                median.requests_per_second / empty,
            )
            for name, median in medians.items()
        ],
    )


def _take_medians(figures: Sequence[Figures]) -> Figures:
    return Figures(
        requests_per_second=statistics.median(each.requests_per_second for each in figures),
        p50_ms=statistics.median(each.p50_ms for each in figures),
        p99_ms=statistics.median(each.p99_ms for each in figures),
    )
