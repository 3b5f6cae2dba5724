"""The gateway between clients, who may be slow, and threads, which are few.

The event loop reads each request in full before a thread gets it, and passes the answer on while
the thread serves another. So a slow client holds a connection, and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from config.errors import ServiceError
from config.http.errors import RequestTimedOut, refuse_service_error
from config.http.parsing import UnreadableBody, find_body_limit
from config.serving.answers import Answer
from config.serving.environ import build_environ
from config.serving.requests import UTF8Request
from config.serving.threads import Threads, is_slow

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Of a body over its limit, this much more is read and thrown away: a client that is still sending
# may find the connection closed before it sees an answer.
_DISCARDED_BYTES = 1024 * 1024
# A refusal is counted, logged and open to other origins as every answer is.
_REFUSING = (
    "corsheaders.middleware.CorsMiddleware",
    "config.http.middleware.RequestMiddleware",
)


class Gateway:
    """Serve a WSGI application by ASGI, in WEB_THREADS threads.

    `prepare` is called once, at the first request: by then the server listens.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        *,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._prepare = prepare

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._serve(build_environ(scope, await _read_body(scope, receive)))
        except ServiceError as error:
            answer = _refuse(build_environ(scope, b""), error)
        await self._send(answer, send)

    @cached_property
    def _threads(self) -> Threads:
        self._prepare()
        return Threads(settings.WEB_THREADS)

    async def _serve(self, environ: dict[str, Any]) -> Answer:
        slow = is_slow(method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"])
        run = self._threads.run_slow if slow else self._threads.run
        return await run(Answer.of, self._application, environ)

    async def _send(self, answer: Answer, send: Send) -> None:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.is_last:
            await send({"type": "http.response.body", "body": answer.part})
            return
        try:
            await self._send_parts(answer, send)
        except (TimeoutError, ServiceError):
            # It is too late for an error: the client sees that the answer is cut off.
            return
        finally:
            answer.close()

    async def _send_parts(self, answer: Answer, send: Send) -> None:
        """Send a large answer in parts; each waits until the client has taken the ones before."""
        while True:
            message = {"type": "http.response.body", "body": answer.part}
            async with asyncio.timeout(settings.WEB_CLIENT_SECONDS):
                await send(message | {"more_body": not answer.is_last})
            if answer.is_last:
                return
            await self._threads.run(answer.read_on)


async def _read_body(scope: Mapping[str, Any], receive: Receive) -> bytes:
    """Return the body. If it is over its limit, return one byte more than that, to show it.

    Raises RequestTimedOut, UnreadableBody.
    """
    declared = _find_length(scope)
    if declared == 0:
        return b""
    try:
        async with asyncio.timeout(settings.WEB_CLIENT_SECONDS):
            most = find_body_limit(scope["method"], scope["path"]) + 1
            return await _collect(receive, declared, most)
    except TimeoutError:
        raise RequestTimedOut from None


def _find_length(scope: Mapping[str, Any]) -> int | None:
    """Return the announced length of the body, or None if only its end tells."""
    headers = scope["headers"]
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings not in ([], [b"chunked"]):
        raise UnreadableBody
    lengths = {value for name, value in headers if name == b"content-length"}
    # HTTP/2 frames bodies by itself.
    if codings or (not lengths and not scope["http_version"].startswith("1")):
        return None
    length = lengths.pop() if lengths else b"0"
    if lengths or not length.isdigit():
        raise UnreadableBody
    return int(length)


async def _collect(receive: Receive, declared: int | None, most: int) -> bytes:
    body = bytearray()
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            # The client left, or broke off its chunks.
            raise UnreadableBody
        chunk = message.get("body", b"")
        received += len(chunk)
        body += chunk[: most - len(body)]
        # A body of declared length needs no message that says it has ended.
        is_whole = received == declared or not message.get("more_body", False)
        if is_whole or received > most + _DISCARDED_BYTES:
            return bytes(body)


def _refuse(environ: dict[str, Any], error: ServiceError) -> Answer:
    """Return the answer that the application would have given."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        return refuse_service_error(error)

    for name in _REFUSING:
        respond = import_string(name)(respond)
    response = respond(UTF8Request(environ))
    return Answer(response.status_code, list(response.items()), response)
