"""The project's own programs, run as a person would: from outside, with an environment."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

# The longest wait for another program: far more than one takes on a busy machine.
PATIENCE_SECONDS = 150
ROOT = Path(__file__).resolve().parent.parent.parent
# What the test run has set for itself, and a person has not.
_OWN = {"CELERY_BROKER_URL", "DATABASE_URL", "DATA_DIR", "ENVIRONMENT", "REDIS_URL"}


def build_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without the test run's stores, and with `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _OWN | {"STORES_ARE_EMBEDDED"} and not name.startswith("PYTEST")
    }
    return {**kept, **variables}


def name_stores() -> dict[str, str]:
    """Return the variables by which another program uses the stores of the test that runs."""
    parts = connection.settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
    given = {name: parts[key] for name, key in {**names, "port": "PORT"}.items() if parts[key]}
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": make_conninfo(**given),
        "REDIS_URL": settings.REDIS_URL,
    }


def run_python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=build_environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def start_python(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=build_environment(PYTHONUNBUFFERED="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read the output up to a line that holds `text`; return all that was said by then."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was not said, but: {''.join(seen)}")


def finish(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal, and return the rest of the output once the process has ended by it."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return output


def find_processes(data_dir: Path) -> list[int]:
    """Return who runs with this DATA_DIR; the stores and all programs inherit it."""
    mark = f"DATA_DIR={data_dir}\0".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            holds_mark = mark in environment.read_bytes()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if holds_mark:
            found.append(int(environment.parent.name))
    return found


@contextmanager
def make_data_dir() -> Iterator[Path]:
    """Yield a folder under a short path, and remove it with all that servers put into it."""
    folder = Path(tempfile.mkdtemp(prefix="cartwright-test-"))
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder)
