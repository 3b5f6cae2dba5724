"""Run benchmarks on embedded stores of their own: `python -m tests.benchmarks [names]`.

Everything lies in DATA_DIR/bench. The stores keep what they are told as in `compose.yaml`, and are
emptied before each benchmark.
"""

import argparse
import fcntl
import json
import os
import platform
import signal
import sys
import textwrap
from contextlib import ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import django
from django.core.management import call_command
from django_redis import get_redis_connection

from config.development.embedded import EmbeddedStoreError, find_data_dir, open_stores
from tests.benchmarks.bench import Bench, BenchmarkError, Table
from tests.benchmarks.load import find_generator
from tests.benchmarks.server import serve

BENCHMARKS = ("speed", "checkout", "memory", "saving", "behind", "catalogue", "slow")

# As in production, but for the embedded stores, which it refuses. Limits are counted and never
# reached; tokens outlive the run.
ENVIRONMENT = {
    "ENVIRONMENT": "test",
    "DEBUG": "false",
    "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
    "STORES_ARE_EMBEDDED": "1",
    "LOG_LEVEL": "WARNING",
    "LOG_REQUESTS": "false",
    "WEB_WORKERS": "2",
    "ACCESS_TOKEN_MINUTES": "1440",
    "RATE_LIMIT_CART_WRITES": "1000000000",
    "RATE_LIMIT_CART_WRITES_PER_ADDRESS": "1000000000",
    "RATE_LIMIT_ORDERS": "1000000000",
    "RATE_LIMIT_ORDERS_PER_ADDRESS": "1000000000",
    "RATE_LIMIT_CATALOGUE_PER_ADDRESS": "1000000000",
    "ORDER_MAX_PENDING": "1000000000",
    "ORDER_MAX_PENDING_UNITS": "1000000000",
    "ORDER_MAX_PENDING_PER_ADDRESS": "1000000000",
    "ORDER_MAX_PENDING_UNITS_PER_ADDRESS": "1000000000",
}


def main() -> None:
    options = _read_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        find_generator()
        tables = _run_all(options)
    except (EmbeddedStoreError, BenchmarkError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    conditions = _describe_conditions(options)
    if options.json:
        report = {"conditions": conditions, "tables": [asdict(table) for table in tables]}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join([conditions, *(table.render() for table in tables)]))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", help=f"which to run: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a load's turn (3)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each load (5)")
    parser.add_argument(
        "--connections", type=int, nargs="+", default=[1, 16], help="connections at once (1 16)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def _describe_conditions(options: argparse.Namespace) -> str:
    return textwrap.fill(
        f"{ENVIRONMENT['WEB_WORKERS']} web workers, the stores and the load generator share"
        f" {os.cpu_count()} cores (Python {platform.python_version()})."
        f" Loads take turns, {options.rounds} of {options.seconds} s each; the figures are medians."
        " The empty view is an APIView without authentication behind the same middleware."
        " Callers are users with tokens. PostgreSQL syncs every commit to disk, and Valkey appends"
        " every change to its file before it answers."
        " Every change is counted against rate limits, which are too high to be reached."
        " Requests are not logged.",
        width=100,
    )


def _run_all(options: argparse.Namespace) -> list[Table]:
    with ExitStack() as stack:
        folder = _claim_folder(stack)
        os.environ.update(ENVIRONMENT | stack.enter_context(open_stores(folder)))
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        url, web_pid = stack.enter_context(serve(folder / "web.log"))
        bench = Bench(
            url=url,
            web_pid=web_pid,
            seconds=options.seconds,
            rounds=options.rounds,
            connections=options.connections,
        )
        names = options.names or BENCHMARKS
        return [table for name in names for table in _run(name, bench)]


def _claim_folder(stack: ExitStack) -> Path:
    folder = find_data_dir() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((folder / "run.lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchmarkError(f"A benchmark runs in {folder} already.") from None
    return folder


def _run(name: str, bench: Bench) -> list[Table]:
    print(f"Running {name}", file=sys.stderr)
    call_command("flush", interactive=False, verbosity=0)
    get_redis_connection("carts").flushdb()
    # Not imported before there are settings.
    tables: list[Table] = import_module(f"tests.benchmarks.{name}").measure(bench)
    return tables


if __name__ == "__main__":
    main()
