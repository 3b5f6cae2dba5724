"""The carts' Redis: the way in, and what it means when it does not answer."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django_redis import get_redis_connection
from hiredis import pack_command
from prometheus_client import Counter
from redis.exceptions import (
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from carts.domain.errors import CartStoreUnavailable

# A command's name and arguments.
Command = tuple[str | bytes | int, ...]

logger = logging.getLogger(__name__)

_UNAVAILABLE = Counter(
    "cart_store_unavailable", "Calls that the live store could not answer.", ["reason"]
)


def get_client() -> Any:
    """Return the client of the carts' Redis."""
    return get_redis_connection("carts")


def exchange(client: Any, commands: Sequence[Command]) -> list[Any]:
    """Send commands in one round trip; return each one's reply, or its ResponseError, in order.

    Replies are as the server gives them: a hash is a flat list. The client's own pipeline takes
    three times as long for the same.
    """
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        # hiredis declares a tuple of one item where it takes any.
        packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]
        connection.send_packed_command([b"".join(packed)])
        return [_read_reply(connection) for _ in commands]
    finally:
        pool.release(connection)


def take_value(reply: Any) -> Any:
    """Return a reply of `exchange`; raises it where it is an error."""
    if isinstance(reply, ResponseError):
        raise reply
    return reply


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise CartStoreUnavailable for whatever keeps the store from answering in time."""
    try:
        yield
    except (
        RedisConnectionError,
        RedisTimeoutError,
        BusyLoadingError,
        OutOfMemoryError,
        ReadOnlyError,
    ) as error:
        _note_unavailable(type(error).__name__)
        raise CartStoreUnavailable from error
    except ResponseError as error:
        if not is_temporary(error):
            raise
        _note_unavailable(str(error).partition(" ")[0])
        raise CartStoreUnavailable from error


def is_temporary(error: ResponseError) -> bool:
    """Tell whether the server refused for a reason that passes, rather than as wrong."""
    return str(error).startswith(_TEMPORARY)


def _note_unavailable(reason: str) -> None:
    _UNAVAILABLE.labels(reason).inc()
    logger.warning("cart store unavailable: %s", reason)


# Replies of a server that is there and cannot serve: a script that hangs, a failed disk, a
# replica without its primary, a cluster that moves slots, memory that is full.
_TEMPORARY = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "TRYAGAIN",
)


def _read_reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
