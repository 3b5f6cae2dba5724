"""The threads that serve requests: few, and kept, because each has a connection to every store."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, TypeVar

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
    """Run calls in threads, in the order they come. To be used from one event loop."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="web")
        self._hashers = asyncio.Semaphore(max(1, number // 2))
        self._room = number + MAX_WAITING
        self._room_to_hash = MAX_WAITING_TO_HASH

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Return what the call returns. Raises Overloaded."""
        if self._room == 0:
            raise Overloaded
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
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
