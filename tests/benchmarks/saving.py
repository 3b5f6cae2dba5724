"""How fast carts get from Valkey to PostgreSQL and back, and what that costs those who shop.

The carts have five lines, and belong to users and guests in turns. `manage.py sync_cart --all`
saves them, one process; its peak memory is that of the whole process, Django included.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from django.db import connection
from django_redis import get_redis_connection

from accounts.models import User
from carts.domain.cart import Cart, CartOwner, Line
from carts.live.codec import encode_cart
from carts.live.keys import cart_key, derive_cart_id, shard_keys, shard_prefix
from carts.permanent.restoring import restore_cart
from products.models import Sku
from tests.benchmarks.bench import Bench, BenchmarkError, Table
from tests.benchmarks.load import Call, Figures, make_load
from tests.benchmarks.shop import make_buyers, stock_shop

_SIZES = (10_000, 100_000)
_LINES = 5
_RESTORED = 10_000
_BUYERS = 16
_BATCH = 1_000
_names = (f"saver{number}" for number in count())


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: what it says itself, and its process's peak memory."""

    saved: int
    seconds: float
    peak_mib: float


def measure(bench: Bench) -> list[Table]:
    """Save carts for the first time, changed and unchanged; restore some; shop meanwhile."""
    skus = stock_shop()
    owners = _make_owners(max(_SIZES))
    saving = [row for size in _SIZES for row in _measure_saving(skus, owners[:size])]
    return [
        Table(
            title="Saving carts of 5 lines, one process",
            columns=("carts", "saved", "seconds", "carts/s", "peak MiB"),
            rows=saving,
        ),
        _measure_restoring(owners[:_RESTORED]),
        _measure_shopping(bench, skus, owners),
    ]


def _measure_saving(
    skus: Sequence[Sku], owners: Sequence[CartOwner]
) -> Iterator[tuple[str, *tuple[float, ...]]]:
    _forget_everything()
    carts = _put_carts(skus, owners)
    yield _describe(f"{len(owners):,} for the first time", _save_all())
    _change_one_line_of_each(carts)
    yield _describe(f"{len(owners):,} with one line changed", _save_all())
    yield _describe(f"{len(owners):,} with nothing changed", _save_all())


def _describe(name: str, run: Run) -> tuple[str, *tuple[float, ...]]:
    return name, run.saved, run.seconds, round(run.saved / run.seconds), run.peak_mib


def _measure_restoring(owners: Sequence[CartOwner]) -> Table:
    """Restore carts one by one, each as the first look at it after a loss of Redis does."""
    get_redis_connection("carts").flushdb()
    took_ms = []
    for owner in owners:
        began = time.perf_counter()
        restored = restore_cart(owner)
        took_ms.append((time.perf_counter() - began) * 1_000)
        assert restored.cart is not None
    percentiles = statistics.quantiles(took_ms, n=100)
    return Table(
        title="Restoring carts of 5 lines on demand",
        columns=("carts", "carts/s", "p50 ms", "p99 ms"),
        rows=[
            (f"{len(owners):,}", round(1_000 / statistics.mean(took_ms)), percentiles[49],
             percentiles[98]),
        ],
    )  # fmt: skip


def _measure_shopping(bench: Bench, skus: list[Sku], owners: Sequence[CartOwner]) -> Table:
    """Read carts while nothing else happens, and while all carts are saved, in turns."""
    _forget_everything()
    carts = _put_carts(skus, owners)
    buyers = make_buyers(bench.url, skus, number=_BUYERS, lines=_LINES)
    calls = [Call("GET", "/cart", buyer.token) for buyer in buyers]
    make_load(bench.url, calls, connections=1, seconds=1)
    quiet, busy = [], []
    for _ in range(bench.rounds):
        quiet.append(make_load(bench.url, calls, connections=1, seconds=bench.seconds))
        with _start_saving() as saver:
            time.sleep(_START_SECONDS)
            busy.append(make_load(bench.url, calls, connections=1, seconds=bench.seconds))
            if saver.poll() is not None:
                raise BenchmarkError("All carts were saved before the load was over.")
        _change_one_line_of_each(carts)
    return Table(
        title="GET cart, 5 lines, one connection",
        columns=("meanwhile", "requests/s", "p50 ms", "p99 ms"),
        rows=[_take_medians("nothing", quiet), _take_medians(f"{len(owners):,} saves", busy)],
    )


def _take_medians(name: str, figures: Sequence[Figures]) -> tuple[str, *tuple[float, ...]]:
    return (
        name,
        round(statistics.median(each.requests_per_second for each in figures)),
        statistics.median(each.p50_ms for each in figures),
        statistics.median(each.p99_ms for each in figures),
    )


# Django takes about as long to start.
_START_SECONDS = 2.0


def _start_saving() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "sync_cart", "--all", "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _save_all() -> Run:
    saver = _start_saving()
    assert saver.stdout is not None
    printed = saver.stdout.read()
    _, status, usage = os.wait4(saver.pid, 0)
    saver.returncode = os.waitstatus_to_exitcode(status)
    if saver.returncode:
        raise BenchmarkError("The command failed.")
    told = json.loads(printed)
    return Run(told["saved"], told["seconds"], usage.ru_maxrss / 1_024)


def _make_owners(number: int) -> list[CartOwner]:
    users = User.objects.bulk_create(
        (
            User(username=name, email=f"{name}@example.com", password="!")
            for name, _ in zip(_names, range(0, number, 2), strict=False)
        ),
        batch_size=_BATCH,
    )
    owners = []
    for position, user in enumerate(users):
        owners += [CartOwner.for_user(user.pk), CartOwner.for_guest(f"guest-{position:020}")]
    return owners


def _put_carts(skus: Sequence[Sku], owners: Sequence[CartOwner]) -> list[Cart]:
    now_ms = time.time_ns() // 1_000_000
    carts = [
        Cart(derive_cart_id(owner, None), owner, now_ms, now_ms, now_ms, _draw_lines(skus, now_ms))
        for owner in owners
    ]
    _put(carts)
    return carts


def _draw_lines(skus: Sequence[Sku], now_ms: int) -> tuple[Line, ...]:
    chosen = random.sample(skus, _LINES)
    return tuple(
        Line(sku.pk, random.randint(1, 5), True, 1, now_ms + position, now_ms + position)
        for position, sku in enumerate(chosen)
    )


def _change_one_line_of_each(carts: Sequence[Cart]) -> None:
    now_ms = time.time_ns() // 1_000_000
    _put([_change_one_line(cart, now_ms) for cart in carts])


def _change_one_line(cart: Cart, now_ms: int) -> Cart:
    first, *others = cart.lines
    changed = first._replace(quantity=random.randint(6, 9_999), updated_ms=now_ms)
    return replace(cart, version=now_ms, updated_ms=now_ms, lines=(changed, *others))


def _put(carts: Sequence[Cart]) -> None:
    """Write the hashes and mark them as unsaved; what they know of their saves stays."""
    for start in range(0, len(carts), _BATCH):
        pipeline: Any = get_redis_connection("carts").pipeline(transaction=False)
        for cart in carts[start : start + _BATCH]:
            key = cart_key(cart.owner)
            pipeline.hset(key, mapping=encode_cart(cart))
            pipeline.zadd(shard_keys(shard_prefix(cart.owner)).dirty, {key: cart.updated_ms})
        pipeline.execute()


def _forget_everything() -> None:
    get_redis_connection("carts").flushdb()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE carts_cart, carts_cartitem, carts_savecounter")
        cursor.execute("ANALYZE")
