"""How long GET /cart takes while slow clients hold connections, and how long in peace."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.probes import find_percentile, read_cart
from tests.benchmarks.shop import make_buyers, stock_shop
from tests.faults.web import SILENT, SLOW_LOGIN, UNREAD_SCHEMA, crowd

_PROBES = 300
# Until all that the clients have asked for has been served.
_SETTLING_SECONDS = 2.0

Attack = Callable[[], AbstractContextManager[Any]]


def measure(bench: Bench) -> list[Table]:
    """Probe under each attack in turns, round by round, and return what all probes took."""
    port = urlsplit(bench.url).port
    if port is None:
        raise AssertionError
    (buyer,) = make_buyers(bench.url, stock_shop(), number=1, lines=5)
    attacks: dict[str, Attack] = {
        "nobody": nullcontext,
        "300 slow bodies": lambda: crowd(port, 300, SLOW_LOGIN, drips=True),
        "1,000 silent connections": lambda: crowd(port, 1_000, SILENT),
        "100 who do not read": lambda: crowd(port, 100, UNREAD_SCHEMA),
    }
    taken: dict[str, list[float]] = {name: [] for name in attacks}
    for _ in range(bench.rounds):
        for name, attack in attacks.items():
            with attack():
                time.sleep(_SETTLING_SECONDS)
                taken[name] += read_cart(port, buyer.token, times=_PROBES)
    return [
        Table(
            title="GET cart, 5 lines, while connections are held by",
            columns=("slow clients", "p50 ms", "p99 ms", "slowest ms", "unanswered"),
            rows=[(name, *_describe(each)) for name, each in taken.items()],
        )
    ]


def _describe(taken: list[float]) -> tuple[float, ...]:
    p50, p99 = (find_percentile(taken, share) for share in (0.5, 0.99))
    slowest = max((each for each in taken if each < math.inf), default=math.nan)
    return p50, p99, slowest, taken.count(math.inf)
