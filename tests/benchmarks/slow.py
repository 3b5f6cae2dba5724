"""How long GET /cart takes while slow clients hold connections, and how long in peace."""

import http.client
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.shop import make_buyers, stock_shop
from tests.faults.web import SILENT, SLOW_LOGIN, UNREAD_SCHEMA, crowd

# One after the other, each on a connection of its own.
_PROBES = 300
_PATIENCE_SECONDS = 5.0
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
                taken[name] += _probe(port, buyer.token)
    return [
        Table(
            title="GET cart, 5 lines, while connections are held by",
            columns=("slow clients", "p50 ms", "p99 ms", "slowest ms", "unanswered"),
            rows=[(name, *_describe(each)) for name, each in taken.items()],
        )
    ]


def _probe(port: int, token: str) -> list[float]:
    """Return the milliseconds of each answer; one that hangs ends the round, as infinity."""
    taken: list[float] = []
    while len(taken) < _PROBES:
        begun = time.perf_counter()
        if not _is_answered(port, token):
            return [*taken, math.inf]
        taken.append((time.perf_counter() - begun) * 1_000)
    return taken


def _is_answered(port: int, token: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/api/cart", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status == http.HTTPStatus.OK
    finally:
        connection.close()


def _describe(taken: list[float]) -> tuple[float, ...]:
    answered = sorted(each for each in taken if each < math.inf)
    unanswered = len(taken) - len(answered)
    if not answered:
        return math.nan, math.nan, math.nan, unanswered
    p50, p99 = (answered[int(len(answered) * share)] for share in (0.5, 0.99))
    return p50, p99, answered[-1], unanswered
