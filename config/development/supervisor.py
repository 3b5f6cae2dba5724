"""Programs run side by side: their output with a prefix, started again, and stopped together."""

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
from typing import IO, NoReturn, Self

STOP_SECONDS = 10.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# How long a program that ended waits before it starts again, the first time, the second, ...
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
# A program that has run this long counts as recovered: its failures start at 0 again.
STEADY_SECONDS = 120.0

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


@dataclass(eq=False)
class _Program:
    """How a program is started, and its process while it has one.

    It is ready once it has said `ready_words`. `failures` counts its ends in a row; times are
    monotonic.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    prefix: str
    ready_words: str
    is_ready: bool = False
    process: subprocess.Popen[str] | None = None
    failures: int = 0
    started_at: float = 0.0
    due_at: float = 0.0


class Supervisor:
    """Start programs within a `with` block; its end stops them all, whatever ends it."""

    def __init__(self) -> None:
        self._programs: dict[str, _Program] = {}
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

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        ready_words: str = "",
    ) -> None:
        """Start a program in its own session: the terminal's Ctrl-C is for this process only."""
        prefix = _paint(f"{name:<{_NAME_WIDTH}} |", next(_COLOURS))
        self._programs[name] = _Program(name, command, environment, prefix, ready_words)
        self._launch(self._programs[name])

    def is_ready(self, name: str) -> bool:
        """Tell whether a program has said its `ready_words`."""
        return self._programs[name].is_ready

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Return once `is_true`. Raises StopRequested, and ProgramEnded if any program ends."""
        while not is_true():
            self._tick()
            for program in self._programs.values():
                if (exit_code := _find_exit(program)) is not None:
                    raise ProgramEnded(program.name, exit_code)

    def keep_running(self) -> NoReturn:
        """Start each program again that ends, after a pause, and say so.

        Raises StopRequested, and ProgramEnded for one that has ended more often in a row than
        there are pauses.
        """
        while True:
            self._tick()
            for program in self._programs.values():
                if program.process is None:
                    if time.monotonic() >= program.due_at:
                        self._launch(program)
                elif (exit_code := _find_exit(program)) is not None:
                    self._plan_restart(program, exit_code)

    def _launch(self, program: _Program) -> None:
        process = subprocess.Popen(  # noqa: S603
            [*_find_guard(), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**program.environment, "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        if process.stdout is None:
            raise AssertionError
        program.process, program.started_at = process, time.monotonic()
        reader = threading.Thread(target=_relay, args=(process.stdout, program), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _plan_restart(self, program: _Program, exit_code: int) -> None:
        now = time.monotonic()
        if now - program.started_at > STEADY_SECONDS:
            program.failures = 0
        if program.failures == len(PAUSES_SECONDS):
            raise ProgramEnded(program.name, exit_code)
        pause = PAUSES_SECONDS[program.failures]
        program.failures += 1
        program.process, program.due_at = None, now + pause
        _write(f"{program.prefix} Ended with exit code {exit_code}; starts again in {pause:g} s.\n")

    def _tick(self) -> None:
        time.sleep(_TICK_SECONDS)
        if self._is_stopping:
            raise StopRequested

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Not an Event: this may run while `wait_until` holds the Event's lock.
        self._is_stopping = True

    def _stop_all(self) -> None:
        processes = [each.process for each in self._programs.values() if each.process is not None]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            _kill_group(process)
            process.wait()
        for reader in self._readers:
            reader.join()


def _find_exit(program: _Program) -> int | None:
    """Return the exit code of a program that has ended, and end the children that it left."""
    if program.process is None or program.process.poll() is None:
        return None
    _kill_group(program.process)
    return program.process.returncode


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _find_guard() -> list[str]:
    """Return a prefix that ends a program with this process on Linux, even after a kill -9."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _paint(text: str, colour: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{colour}m{text}\033[0m"


def _relay(lines: IO[str], program: _Program) -> None:
    with lines:
        for line in lines:
            _write(f"{program.prefix} {line}")
            program.is_ready = program.is_ready or program.ready_words in line


def _write(line: str) -> None:
    # A reader of the log that has gone away must not stop the programs.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line)
        sys.stdout.flush()
