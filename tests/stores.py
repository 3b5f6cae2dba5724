"""Pytest plugin: the stores that a test run uses.

Where DATABASE_URL or REDIS_URL is set, the tests use that server. Otherwise the process that runs
pytest starts an embedded one in DATA_DIR/tests (a second run at the same time takes
DATA_DIR/tests-2), and stops it at the end. Each xdist worker has its own database, made by
pytest-django, and its own Redis database, which every test finds empty.
"""

import fcntl
import os
import signal
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.development.embedded import EmbeddedStoreError, find_data_dir, open_stores

# A test run's database is thrown away, so it need not survive a power cut.
FAST_POSTGRES = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


# First of all: pytest-django loads the settings in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _use_redis_database(int(worker.removeprefix("gw")) + 1)
        return
    os.environ["ENVIRONMENT"] = "test"
    # A busy machine is no fault of the stores; tests of a time-out itself set their own.
    os.environ.setdefault("REDIS_TIMEOUT_SECONDS", "30")
    os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_MS", "120000")
    os.environ.setdefault("DATABASE_LOCK_TIMEOUT_MS", "60000")
    os.environ.setdefault("DATABASE_IDLE_TIMEOUT_MS", "0")
    os.environ.pop("CELERY_BROKER_URL", None)
    variables = {"DATABASE_URL", "REDIS_URL"} - os.environ.keys()
    if variables:
        _start_stores(early_config, variables)


def _use_redis_database(number: int) -> None:
    url = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = url._replace(path=f"/{number}").geturl()


def _start_stores(config: pytest.Config, variables: set[str]) -> None:
    # Without this a SIGTERM would end pytest before it stops what is started here.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = ExitStack()
    config.add_cleanup(stack.close)
    data_dir = _claim_folder(stack)
    try:
        urls = stack.enter_context(
            open_stores(data_dir, variables=variables, postgres_settings=FAST_POSTGRES)
        )
    except EmbeddedStoreError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.update(urls, STORES_ARE_EMBEDDED="1", DATA_DIR=str(data_dir))


def _claim_folder(stack: ExitStack) -> Path:
    """Return the first folder of DATA_DIR/tests, tests-2, ... that no other run holds."""
    for number in count(1):
        folder = find_data_dir() / ("tests" if number == 1 else f"tests-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "run.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return folder
    raise AssertionError
