"""A gateway before a made-up application, spoken to as an ASGI server does."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.serving.gateway import Gateway

GET = {"method": "GET", "raw_path": b"/api/cart"}
POST = {"method": "POST", "raw_path": b"/api/cart"}
JSON = (b"content-type", b"application/json")
CHUNKED = (b"transfer-encoding", b"chunked")


@dataclass
class Reply:
    """What a client got."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


@dataclass
class Shop:
    """An application that keeps what it was asked, and answers what it is told to."""

    answer: Iterable[bytes] = (b"done",)
    work: Callable[[], None] = lambda: None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ | {"body": environ["wsgi.input"].read()})
        self.work()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self.answer


class Client:
    """One request, whose body comes in these chunks; None stands for a connection that ends."""

    def __init__(self, *chunks: bytes | None, is_reading: bool = True) -> None:
        self._chunks: Iterator[bytes | None] = iter(chunks)
        self._is_reading = is_reading
        self.reply = Reply()

    async def receive(self) -> Mapping[str, Any]:
        for chunk in self._chunks:
            if chunk is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunk, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.reply.status = message["status"]
            self.reply.headers = dict(message["headers"])
            return
        self.reply.parts.append(message["body"])
        if not self._is_reading:
            await asyncio.Event().wait()


class SlowClient(Client):
    """One request whose body never ends."""

    async def receive(self) -> Mapping[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"{", "more_body": True}


async def ask(
    gateway: Gateway,
    *headers: tuple[bytes, bytes],
    client: Client | None = None,
    **request: Any,
) -> Reply:
    """Send a request, a GET of the cart where nothing else is said, and return the reply."""
    client = client or Client()
    asked = GET | request
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "path": asked["raw_path"].decode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("203.0.113.9", "50000"),
        "server": ("127.0.0.1", "8000"),
    }
    await gateway(scope | asked, client.receive, client.send)
    return client.reply
