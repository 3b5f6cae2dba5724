"""The threads that serve requests: few, and kept, because each has a connection to every store."""

import asyncio
import re
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, ClassVar, TypeVar

from config.http.errors import ServiceError

T = TypeVar("T")

# All paths where a password is hashed, which keeps a core busy for as long as a hundred reads of a
# cart. A new one belongs here.
_HASHING = re.compile(
    r"/api/auth/(login|register)"
    r"|/admin/(login|password_change|accounts/user/(add|[^/]+/password))/"
)
# How many requests may wait for a thread: as many as are served within seconds.
MAX_WAITING = 512
MAX_WAITING_TO_HASH = 32


@dataclass(eq=False)
class Overloaded(ServiceError):
    """More requests wait than can be served soon. This one has not begun."""

    code: ClassVar[str] = "overloaded"
    message: ClassVar[str] = "Service is temporarily unavailable"


def hashes_password(*, method: str, path: str) -> bool:
    """Tell whether such a request hashes a password."""
    return method == "POST" and _HASHING.fullmatch(path) is not None


class Threads:
    """Run calls in threads, in the order they come. To be used from one event loop.

    A call costs 10 microseconds, a third of what `ThreadPoolExecutor` costs there.
    """

    def __init__(self, number: int) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._hashers = asyncio.Semaphore(max(1, number // 2))
        self._room = number + MAX_WAITING
        self._room_to_hash = MAX_WAITING_TO_HASH
        for position in range(number):
            name = f"web_{position}"
            threading.Thread(target=_work, args=(self._calls,), name=name, daemon=True).start()
        weakref.finalize(self, _end, self._calls, number)

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Return what the call returns. Raises Overloaded."""
        if self._room == 0:
            raise Overloaded
        self._room -= 1
        try:
            result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._calls.put((call, arguments, result))
            return await result
        finally:
            self._room += 1

    async def run_hashing(self, call: Callable[..., T], *arguments: object) -> T:
        """Return what the call returns, which hashes on at most half of the threads.

        Others wait without a thread. Raises Overloaded.
        """
        if self._room_to_hash == 0:
            raise Overloaded
        self._room_to_hash -= 1
        try:
            async with self._hashers:
                return await self.run(call, *arguments)
        finally:
            self._room_to_hash += 1


_Call = tuple[Callable[..., Any], tuple[object, ...], asyncio.Future[Any]]


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (taken := calls.get()) is not None:
        call, arguments, result = taken
        settle: Callable[[Any], None] = result.set_result
        try:
            outcome = call(*arguments)
        except BaseException as error:  # noqa: BLE001
            # It is raised again where the result is awaited.
            settle, outcome = result.set_exception, error
        result.get_loop().call_soon_threadsafe(_settle, result, settle, outcome)
        # Nothing of a request is kept until the next one.
        del taken, call, arguments, result, settle, outcome


def _settle(result: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not result.done():
        settle(outcome)


def _end(calls: SimpleQueue[_Call | None], number: int) -> None:
    for _ in range(number):
        calls.put(None)
