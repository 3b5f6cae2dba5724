"""Valkey and PostgreSQL servers of a test's own, which it may kill and freeze; and using them."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings
from redis import Redis

from config.development.store_servers import Postgres, Valkey, find_postgres_programs
from config.stores.urls import parse_database_url
from tests.config.project import PATIENCE_SECONDS, name_stores

PRODUCTION_TIMEOUT_SECONDS = 0.3
PATIENT_TIMEOUT_SECONDS = 60.0
# A statement's own time, two seconds until the server is given up, and two for a new connection.
ANSWERED_SECONDS = 10 * 6


@contextmanager
def use_redis(url: str, *, timeout_seconds: float = PATIENT_TIMEOUT_SECONDS) -> Iterator[None]:
    """Have the application use the Redis at `url`, over connections of their own."""
    caches = deepcopy(settings.CACHES)
    for cache in caches.values():
        # In the URL, by which django-redis tells its pools apart.
        cache["LOCATION"] = (
            f"{url}?socket_timeout={timeout_seconds}&socket_connect_timeout={timeout_seconds}"
        )
    with override_settings(CACHES=caches):
        yield


@contextmanager
def use_database(url: str, *, statement_timeout_ms: int) -> Iterator[None]:
    """Have the application use the database at `url`, over connections of their own."""
    parts = connection.settings_dict
    kept = deepcopy(parts)
    connection.close()
    parts.update(parse_database_url(url))
    parts["OPTIONS"] = {
        **kept["OPTIONS"],
        "options": f"-c statement_timeout={statement_timeout_ms}",
    }
    try:
        with override_settings(DATABASE_STATEMENT_TIMEOUT_MS=statement_timeout_ms):
            yield
    finally:
        connection.close()
        parts.update(kept)


class OwnValkey(Valkey):
    """A Valkey which comes back on its port."""

    url = ""

    def start(self) -> None:
        self.url = self.ensure_running()

    def kill(self) -> None:
        """Kill it as `kill -9` does, and wait until it is gone."""
        os.kill(self.find_pid(), signal.SIGKILL)
        wait_until(lambda: not self.is_running())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it from running meanwhile; the kernel goes on taking connections for it."""
        with _freeze([self.find_pid()]):
            yield

    def find_pid(self) -> int:
        with Redis.from_url(self.url) as client:
            return int(client.info("server")["process_id"])

    def copy_files(self) -> Path:
        """Copy all it has written, as it is now, and return where to."""
        return Path(shutil.copytree(self.folder, self.folder.with_suffix(".copy")))

    def put_files(self, copy: Path) -> None:
        """Put the files of `copy_files` in place of its own; it must not run."""
        shutil.rmtree(self.folder)
        copy.rename(self.folder)

    def _choose_url(self) -> str:
        return self.url or super()._choose_url()


class OwnPostgres(Postgres):
    """A PostgreSQL which keeps what was committed when it is killed."""

    def __init__(self, data_dir: Path) -> None:
        # A kill is no power cut, but would cost what a commit leaves to be written later.
        super().__init__(data_dir, {"fsync": "off", "full_page_writes": "off"})
        self.url = ""

    def start(self) -> None:
        self.url = self.ensure_running()

    def copy_schema(self) -> None:
        """Make the tables of the test's database here, too."""
        programs = find_postgres_programs()
        save = [str(programs / "pg_dump"), "--schema-only", name_stores()["DATABASE_URL"]]
        dump = subprocess.run(save, capture_output=True, check=True)
        load = [str(programs / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", self.url]
        subprocess.run(load, input=dump.stdout, capture_output=True, check=True)

    def kill(self) -> None:
        """Kill all of its processes as `kill -9` does, and wait until they are gone."""
        for pid in self._list_processes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all of its processes from running meanwhile."""
        with _freeze(self._list_processes()):
            yield

    def _list_processes(self) -> list[int]:
        main = int((self.folder / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        return [main, *find_children(main)]


def find_children(parent: int) -> list[int]:
    """Return the processes that this one has started and that still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before the state and the parent may hold spaces, but is in parentheses.
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def answer_in_time(send: Callable[[], Any]) -> Any:
    """Return an answer that took a bounded time: ten times what one takes until it is given up."""
    begun = time.monotonic()
    response = send()
    assert time.monotonic() - begun < ANSWERED_SECONDS
    return response


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait until it is; fails where that takes far longer than it may on a busy machine."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not so after {PATIENCE_SECONDS} seconds"
        time.sleep(0.005)


@contextmanager
def _freeze(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
