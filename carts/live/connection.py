"""The carts' Redis: the way in, and what it means when it does not answer."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django_redis import get_redis_connection
from hiredis import pack_command
from prometheus_client import Counter
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
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
    three times as long for the same, and writes a command's arguments into its errors.
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


def ask(commands: Sequence[Command]) -> list[Any]:
    """Send commands to the store in one round trip; return each one's reply, in order.

    Among the replies may be a ResponseError, for a key that holds something else than the command
    is for. Raises CartStoreUnavailable.
    """
    with store_errors():
        replies = exchange(get_client(), commands)
        for reply in replies:
            if isinstance(reply, ResponseError) and is_temporary(reply):
                raise reply
    return replies


def take_value(reply: Any) -> Any:
    """Return a reply of `exchange`; raises it where it is an error."""
    if isinstance(reply, ResponseError):
        raise reply
    return reply


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise CartStoreUnavailable for whatever keeps the store from answering in time.

    No error leaves here with a command's arguments in its text: a guest id may be among them.
    """
    try:
        yield
    except RedisError as error:
        _forget_arguments(error)
        reason = _find_reason(error)
        if reason is None:
            raise
        _UNAVAILABLE.labels(reason).inc()
        logger.warning("cart store unavailable: %s", reason)
        raise CartStoreUnavailable from error


def is_temporary(error: RedisError) -> bool:
    """Tell whether the store cannot answer for a reason that passes, rather than as asked wrongly.

    What stands before the reason does not matter: a pipeline and a script put words there.
    """
    return _find_reason(error) is not None


# Of these the client has cut the code off the text. MASTERDOWN is one of CLUSTERDOWN.
_PASSING = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
# Replies of a server that is there and cannot serve: a script that hangs, a failed disk, a
# replica without its primary, a cluster that moves slots, memory that is full.
_TEMPORARY = re.compile(
    r"\b(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN)\b"
)
# What the client puts before the error of a pipeline's command, and what a server puts behind
# that of a command which it does not know.
_ARGUMENTS = re.compile(
    r"Command # \d+ \(.*\) of pipeline caused error: |,? with args beginning with:.*", re.DOTALL
)


def _find_reason(error: RedisError) -> str | None:
    if isinstance(error, _PASSING):
        return type(error).__name__
    found = _TEMPORARY.search(str(error))
    return found.group() if found else None


def _forget_arguments(error: RedisError) -> None:
    error.args = (_ARGUMENTS.sub("", str(error)),)


def _read_reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
