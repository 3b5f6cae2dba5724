"""Saving all carts by a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.benchmarks.bench import BenchmarkError
from tests.benchmarks.hashes import count_unsaved

_COMMAND = [sys.executable, "-m", "tests.benchmarks.sync"]


@dataclass(frozen=True, slots=True)
class Saving:
    """What the command reported, the CPU seconds it took, and its process's peak memory.

    The memory is that of the whole process, Django included; the time is without Django's start.
    """

    saved: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


def save_all() -> Saving:
    """Save all carts in a process of its own."""
    saver = subprocess.run(
        _COMMAND, stdout=subprocess.PIPE, text=True, check=False, start_new_session=True
    )
    if saver.returncode:
        raise BenchmarkError("The carts could not be saved.")
    return Saving(**json.loads(saver.stdout))


@contextmanager
def saving() -> Iterator[None]:
    """Save carts as a worker does during the block, which starts with the first ones saved.

    The process is stopped at the end. Raises BenchmarkError if it had nothing left to save then.
    """
    unsaved = count_unsaved()
    saver = subprocess.Popen([*_COMMAND, "job"], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while count_unsaved() == unsaved and saver.poll() is None:
            time.sleep(0.01)
        yield
        if saver.poll() is not None:
            raise BenchmarkError("All carts were saved before the load was over.")
    finally:
        saver.kill()
        saver.wait()
