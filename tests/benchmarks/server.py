"""The web server as production runs it, on the benchmark's own stores."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import BenchmarkError

_START_SECONDS = 30
_STOP_SECONDS = 15


@contextmanager
def serve(log_path: Path) -> Iterator[tuple[str, int]]:
    """Run `config.server` with this process's environment, and yield its URL and process id."""
    port = _find_free_port()
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.server"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HOST": "127.0.0.1", "PORT": str(port)},
            start_new_session=True,
        )
    try:
        _wait_for(process, port, log_path)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _wait_for(process: subprocess.Popen[bytes], port: int, log_path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_serving(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkError(f"The web server does not start; see {log_path}.")
        time.sleep(0.1)


def _is_serving(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
