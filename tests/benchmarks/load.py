"""Load on the web server, made by wrk."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import BenchmarkError

_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Call:
    """One request with an access token; `path` is below /api."""

    method: str
    path: str
    token: str = ""
    body: Any = None

    def to_line(self) -> str:
        body = "" if self.body is None else json.dumps(self.body)
        return f"{self.method}\t/api{self.path}\t{self.token}\t{body}\n"


@dataclass(frozen=True, slots=True)
class Figures:
    """How much was served, and the latencies half and 99 of 100 requests stayed under, in ms."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def find_generator() -> str:
    """Return the path of wrk; raises BenchmarkError."""
    path = shutil.which("wrk")
    if path is None:
        raise BenchmarkError(
            "The load generator wrk is not installed; install it with"
            " `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`."
        )
    return path


def make_load(url: str, calls: Sequence[Call], *, connections: int, seconds: int) -> Figures:
    """Send the calls in turns, over and over, and measure.

    Raises BenchmarkError unless every one of them succeeds.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.writelines(call.to_line() for call in calls)
        file.flush()
        command = [
            find_generator(), "--threads", "1", "--connections", str(connections),
            "--duration", f"{seconds}s", "--script", str(_SCRIPT), url, "--", file.name,
        ]  # fmt: skip
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    counts = json.loads(printed.strip().rpartition("\n")[2])
    if counts["refused"] or counts["broken"]:
        raise BenchmarkError(
            f"{calls[0].method} {calls[0].path}: {counts['refused']} requests were refused and"
            f" {counts['broken']} connections broke."
        )
    return Figures(
        requests_per_second=counts["requests"] / counts["microseconds"] * 1_000_000,
        p50_ms=counts["p50"] / 1_000,
        p99_ms=counts["p99"] / 1_000,
    )
