"""CPU time of the stores and the web server, all processes and threads counted; Linux only."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from tests.benchmarks.hashes import connect

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class StoreTime:
    """Seconds of CPU that the stores have used since they were started."""

    postgres: float
    valkey: float

    def __sub__(self, other: "StoreTime") -> "StoreTime":
        return StoreTime(self.postgres - other.postgres, self.valkey - other.valkey)


def read_store_time() -> StoreTime:
    """Ask the kernel about PostgreSQL, to 10 ms, and Valkey about itself.

    Background work, such as vacuuming and writing the append-only file, is part of it.
    """
    used = connect().info("cpu")
    names = ("user", "sys", "user_children", "sys_children")
    return StoreTime(_read_postgres(), sum(used[f"used_cpu_{name}"] for name in names))


def read_family_time(pid: int) -> float:
    """Return the seconds that a process and its children have used, to 10 ms.

    Children that ended count as well.
    """
    ended = sum(map(int, _read_stat(pid)[_ENDED]))
    living = sum(sum(map(int, stat[_LIVING])) for stat in _find_family(pid))
    return (ended + living) / os.sysconf("SC_CLK_TCK")


def _read_postgres() -> float:
    connection.ensure_connection()
    backend: int = connection.connection.info.backend_pid
    return read_family_time(int(_read_stat(backend)[_PARENT]))


def _find_family(parent: int) -> Iterator[list[str]]:
    yield _read_stat(parent)
    for folder in _PROC.glob("[0-9]*"):
        # A process may end while it is looked at.
        with suppress(OSError):
            stat = _read_stat(int(folder.name))
            if int(stat[_PARENT]) == parent:
                yield stat


# Where fields stand behind the name of the program: see proc_pid_stat(5).
_PARENT = 1
_LIVING = slice(11, 13)
_ENDED = slice(13, 15)


def _read_stat(pid: int) -> list[str]:
    return (_PROC / f"{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
