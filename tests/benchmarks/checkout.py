"""How fast carts are bought, each by its own buyer, as a share of an empty view.

The carts hold five lines of one unit. On spread SKUs orders hardly meet; with a hot one, every
cart holds the same SKU beside four others, and the orders queue up for its row.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from itertools import count

from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from carts.domain.cart import Addition, CartOwner
from carts.live.store import ChangeContext
from carts.operations.lines import add_lines
from products.models import Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.load import Call, Figures, make_load
from tests.benchmarks.shop import stock_shop

_LINES = 5
_EMPTY = "empty view"
# A cart can be bought once, so there must be more of them than can be bought in a turn.
_FIRST_CARTS_PER_SECOND = 400
_SPARE = 2
_names = (f"customer{number}" for number in count())

Choice = Callable[[], list[Sku]]


def measure(bench: Bench) -> list[Table]:
    """Let carts be bought in turns, round by round, and return the medians."""
    skus = stock_shop()
    hot, *others = skus
    choices: dict[str, Choice] = {
        "POST order, 5 lines, spread": lambda: random.sample(others, _LINES),
        "POST order, 5 lines, one hot": lambda: [hot, *random.sample(others, _LINES - 1)],
    }
    for choose in choices.values():
        _buy_carts(bench, choose, connections=max(bench.connections), seconds=1, rate=0)
    return [_measure_choices(bench, choices, connections) for connections in bench.connections]


def _measure_choices(bench: Bench, choices: dict[str, Choice], connections: int) -> Table:
    measured: dict[str, list[Figures]] = {name: [] for name in (_EMPTY, *choices)}
    for _ in range(bench.rounds):
        empty = make_load(
            bench.url,
            [Call("GET", "/empty")],
            connections=connections,
            seconds=bench.seconds,
        )
        measured[_EMPTY].append(empty)
        for name, choose in choices.items():
            rate = max((each.requests_per_second for each in measured[name]), default=0)
            figures = _buy_carts(
                bench, choose, connections=connections, seconds=bench.seconds, rate=rate
            )
            measured[name].append(figures)
    empty_rate = _take_median(measured[_EMPTY], "requests_per_second")
    return Table(
        title=f"Checkout, connections: {connections}",
        columns=("call", "requests/s", "p50 ms", "p99 ms", "of the empty view"),
        rows=[
            (
                name,
                round(_take_median(figures, "requests_per_second")),
                _take_median(figures, "p50_ms"),
                _take_median(figures, "p99_ms"),
                _take_median(figures, "requests_per_second") / empty_rate,
            )
            for name, figures in measured.items()
        ],
    )


def _buy_carts(
    bench: Bench, choose: Choice, *, connections: int, seconds: int, rate: float
) -> Figures:
    """Fill carts, and buy them; `rate` is how many a second were bought before, 0 if unknown."""
    enough = int((rate * _SPARE or _FIRST_CARTS_PER_SECOND) * seconds) + connections
    calls = [Call("POST", "/orders", token, {}) for token in _fill_carts(enough, choose)]
    return make_load(bench.url, calls, connections=connections, seconds=seconds)


def _fill_carts(number: int, choose: Choice) -> list[str]:
    """Fill a cart for each of so many new users, and return their tokens."""
    users = User.objects.bulk_create(
        User(username=name, email=f"{name}@example.com", password="!")
        for name, _ in zip(_names, range(number), strict=False)
    )
    for user in users:
        additions = [Addition(sku.product_id, 1, sku.id) for sku in choose()]
        add_lines(
            owner=CartOwner.for_user(user.id),
            additions=additions,
            context=ChangeContext(source="api"),
        )
    return [str(AccessToken.for_user(user)) for user in users]


def _take_median(figures: Sequence[Figures], name: str) -> float:
    return statistics.median(getattr(each, name) for each in figures)
