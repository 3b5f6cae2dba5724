"""The web server in processes of its own, and clients of it without manners."""

import http.client
import json
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.config.project import PATIENCE_SECONDS, name_stores, start_python
from tests.faults.servers import wait_until

GUEST = {"X-Guest-ID": "guest-of-faults"}
# What slow clients send at first.
SILENT = ""
SLOW_LOGIN = """\
POST /api/auth/login HTTP/1.1
Host: localhost
Content-Type: application/json
Content-Length: 1000

{"""
SLOW_HEAD = "GET /api/cart HTTP/1.1\nHost: localhost\n"
UNREAD_SCHEMA = "GET /api/schema HTTP/1.1\nHost: localhost\n\n"


@dataclass(frozen=True, slots=True)
class Web:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    # Reads what it says, and so ends when it does.
    reader: threading.Thread

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def send(self, text: str) -> socket.socket:
        """Return a connection on which this has been sent."""
        client = self.connect()
        client.sendall(text.replace("\n", "\r\n").encode())
        return client

    def ask(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None
    ) -> tuple[int, Any]:
        """Return status and envelope of a guest's call; several pieces are sent chunked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            headers = GUEST | {"Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def is_up(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/healthz")[0] == 200
        return False

    def begin_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until all of its processes have ended; fails where that takes longer."""
        self.reader.join(seconds)
        assert not self.reader.is_alive(), f"has not ended after {seconds} seconds"


@contextmanager
def run_web(**variables: str) -> Iterator[Web]:
    """Run `config.server` on the stores of the test, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = start_python(
        "-m", "config.server", PORT=str(port), LOG_REQUESTS="false", **name_stores(), **variables
    )
    # A full pipe would stop the server.
    reader = threading.Thread(target=process.communicate)
    reader.start()
    web = Web(process, port, reader)
    try:
        wait_until(web.is_up)
        yield web
    finally:
        web.begin_to_stop()
        reader.join(PATIENCE_SECONDS)
        process.kill()
        reader.join()


def raise_file_limit(needed: int) -> None:
    """Let this process hold so many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))


@contextmanager
def crowd(
    port: int, number: int, text: str, *, drips: bool = False
) -> Iterator[list[socket.socket]]:
    """Hold many connections on which this has been sent; on those that drip, a byte now and then.

    Their receive buffers are the smallest there are.
    """
    raise_file_limit(number + 256)
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.settimeout(PATIENCE_SECONDS)
            client.connect(("127.0.0.1", port))
            client.sendall(text.replace("\n", "\r\n").encode())
            clients.append(client)
        is_over = threading.Event()
        dripper = threading.Thread(target=_drip, args=(clients if drips else [], is_over))
        dripper.start()
        try:
            yield clients
        finally:
            is_over.set()
            dripper.join()


def _drip(clients: list[socket.socket], is_over: threading.Event) -> None:
    while not is_over.wait(0.5):
        for client in clients:
            with suppress(OSError):
                client.send(b"x")


def read_to_the_end(client: socket.socket) -> bytes:
    """Return all that the server sends until it closes the connection; fails where it does not."""
    received = bytearray()
    deadline = time.monotonic() + PATIENCE_SECONDS
    with suppress(ConnectionError):
        while chunk := client.recv(65_536):
            assert time.monotonic() < deadline
            received += chunk
    return bytes(received)
