"""Programs run side by side: their output with a prefix, and stopped together."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import FrameType, TracebackType
from typing import IO, Self

STOP_SECONDS = 10.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_TICK_SECONDS = 0.1
_NAME_WIDTH = 6
_COLOURS = cycle(["36", "32", "33"])


class StopRequested(Exception):
    """A signal asked for the end."""


@dataclass(eq=False)
class ProgramEnded(Exception):
    """A program ended though nobody asked it to. A negative exit code is a signal's number."""

    name: str
    exit_code: int


class Supervisor:
    """Start programs within a `with` block; its end stops them all, whatever ends it."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._is_stopping = False

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_all()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program in a session of its own: the terminal's Ctrl-C is for this process."""
        process = subprocess.Popen(  # noqa: S603
            [*_find_guard(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        if process.stdout is None:
            raise AssertionError
        self._processes[name] = process
        prefix = _paint(f"{name:<{_NAME_WIDTH}} |", next(_COLOURS))
        reader = threading.Thread(target=_relay, args=(process.stdout, prefix), daemon=True)
        reader.start()
        self._readers.append(reader)

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Return once `is_true`. Raises StopRequested, ProgramEnded."""
        while not is_true():
            time.sleep(_TICK_SECONDS)
            if self._is_stopping:
                raise StopRequested
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise ProgramEnded(name, process.returncode)

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        # No Event: this may run while `wait_until` holds the lock of one.
        self._is_stopping = True

    def _stop_all(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            # What a killed program leaves of its own children, too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for reader in self._readers:
            reader.join()


def _find_guard() -> list[str]:
    """Return a prefix which has a program ended with this process, even by kill -9, on Linux."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _paint(text: str, colour: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{colour}m{text}\033[0m"


def _relay(lines: IO[str], prefix: str) -> None:
    with lines:
        for line in lines:
            # A reader of the log that has gone away must not stop the programs.
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.write(f"{prefix} {line}")
                sys.stdout.flush()
