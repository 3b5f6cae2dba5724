"""The threads that serve requests: few, and kept, because each has a connection to every store."""

import asyncio
import re
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from config.http.errors import Overloaded

T = TypeVar("T")

# All paths where a request may keep its thread for long. Some hash a password, which takes a core
# for as long as a hundred reads of a cart; others change rows that somebody else may have locked.
# Add new ones here.
_SLOW = re.compile(
    r"/api/auth/(login|register|logout)"
    r"|/api/cart/merge"
    r"|/api/catalogue/(products|stock|prices)"
    r"|/api/orders(/[^/]+/cancel|/webhooks/payment)?"
    r"|/admin/(login|password_change|accounts/user/(add|[^/]+/password))/"
)
# How many requests may wait for a thread: as many as are served within seconds.
MAX_WAITING = 512
MAX_SLOW_WAITING = 128


def is_slow(*, method: str, path: str) -> bool:
    """Tell whether such a request may keep its thread for long."""
    return method in {"POST", "PUT"} and _SLOW.fullmatch(path) is not None


class Threads:
    """Run calls in threads, in the order they come. To be used from one event loop.

    A call costs 10 microseconds, a third of what `ThreadPoolExecutor` costs there.
    """

    def __init__(self, number: int) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._slow_turns = asyncio.Semaphore(max(1, number // 2))
        self._room = number + MAX_WAITING
        self._slow_room = MAX_SLOW_WAITING
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

    async def run_slow(self, call: Callable[..., T], *arguments: object) -> T:
        """Return what the call returns; such calls take half of the threads at most.

        Further ones wait without a thread. Raises Overloaded.
        """
        if self._slow_room == 0:
            raise Overloaded
        self._slow_room -= 1
        try:
            async with self._slow_turns:
                return await self.run(call, *arguments)
        finally:
            self._slow_room += 1


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
        # Otherwise these would keep a request alive until the next one.
        del taken, call, arguments, result, settle, outcome


def _settle(result: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not result.done():
        settle(outcome)


def _end(calls: SimpleQueue[_Call | None], number: int) -> None:
    for _ in range(number):
        calls.put(None)
