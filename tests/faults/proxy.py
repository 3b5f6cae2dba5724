"""A TCP proxy before a store, for the faults of a network."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BUFFER_BYTES = 65_536


class FaultyProxy:
    """Pass bytes between clients and a server, until told to do something else.

    A reply is what the server sends at once: with clients that wait for each answer, the answer
    to one request. Every setting may be changed at any time, and holds from the next byte on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._replies = 0
        self.is_swallowing = False
        self.delay_seconds = 0.0
        self._dropped_every = 0
        self._listen()

    @contextmanager
    def refuse(self) -> Iterator[None]:
        """Cut all connections meanwhile, and refuse new ones."""
        self._stop_listening()
        self._cut_links()
        try:
            yield
        finally:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Take connections and requests meanwhile, and pass neither on; they are lost."""
        self.is_swallowing = True
        try:
            yield
        finally:
            self._cut_links()
            self.is_swallowing = False

    @contextmanager
    def drop_replies(self, *, every: int) -> Iterator[None]:
        """Lose every so many-th reply meanwhile: the server did it, and the connection breaks."""
        self._dropped_every = every
        try:
            yield
        finally:
            self._dropped_every = 0

    @contextmanager
    def delay(self, seconds: float) -> Iterator[None]:
        """Pass replies on so much later meanwhile."""
        self.delay_seconds = seconds
        try:
            yield
        finally:
            self.delay_seconds = 0.0

    def close(self) -> None:
        self._stop_listening()
        self._cut_links()

    def loses_reply(self) -> bool:
        """Count a reply, and tell whether it is one to lose."""
        with self._lock:
            self._replies += 1
            return self._dropped_every > 0 and self._replies % self._dropped_every == 0

    def _listen(self) -> None:
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,))
        self._accepting.start()

    def _stop_listening(self) -> None:
        # Closing alone would not wake a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            link = _Link(self, client, server)
            link.start()
            # Not before: whoever cuts links waits for their threads, which must have begun.
            self._links.add(link)

    def _cut_links(self) -> None:
        for link in list(self._links):
            link.cut()
            self._links.discard(link)


class _Link:
    """A client's connection and the one to the server that goes with it."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._threads = [
            threading.Thread(target=pass_on)
            for pass_on in (self._pass_requests, self._pass_replies)
        ]
        self._is_cut = threading.Event()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        """End both connections, and wait until nothing passes any more."""
        self._hang_up()
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._server.close()

    def _hang_up(self) -> None:
        self._is_cut.set()
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass_requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(_BUFFER_BYTES):
                if not self._proxy.is_swallowing:
                    self._server.sendall(data)
        self._hang_up()

    def _pass_replies(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(_BUFFER_BYTES):
                if self._proxy.loses_reply():
                    break
                self._is_cut.wait(self._proxy.delay_seconds)
                if not self._proxy.is_swallowing:
                    self._client.sendall(data)
        self._hang_up()
