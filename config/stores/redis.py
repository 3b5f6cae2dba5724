"""Talking to Redis in one round trip on the thread's own connection, and what errors mean."""

import os
import re
import threading
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis import ConnectionPool
from redis.connection import Connection, ConnectionInterface
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

# A command's name and arguments.
Command = tuple[str | bytes | int, ...]

# The client has cut the code off the text of these. MASTERDOWN is one of CLUSTERDOWN.
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
# What the client adds before the error of a pipeline's command, and what a server adds after the
# error of a command that it does not know.
_ARGUMENTS = re.compile(
    r"Command # \d+ \(.*\) of pipeline caused error: |,? with args beginning with:.*", re.DOTALL
)


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


class ThreadPool(ConnectionPool):
    """Give every thread a connection of its own, which it never hands back.

    To take a connection from redis-py's own pool and hand it back costs more than to write a
    command. A thread must talk to Redis about one thing at a time, so no subscriptions.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = threading.local()

    def get_connection(self, *args: Any, **kwargs: Any) -> Connection:
        """Return this thread's connection, connected anew if the server has closed it."""
        connection: Connection | None = getattr(self._kept, "connection", None)
        if connection is None or connection.pid != os.getpid():
            # The pool neither counts nor lists this connection: it is closed when its thread ends.
            connection = self.connection_class(**self.connection_kwargs)
            self._kept.connection = connection
        elif connection.is_connected and _is_stale(connection):
            connection.disconnect()  # type: ignore[no-untyped-call]
        connection.connect()
        return connection

    def release(self, connection: ConnectionInterface) -> None:
        """Leave the connection to its thread."""


def take_value(reply: Any) -> Any:
    """Return a reply of `exchange`, or raise the reply if it is an error."""
    if isinstance(reply, ResponseError):
        raise reply
    return reply


def find_outage(error: RedisError) -> str | None:
    """Return what keeps the server from answering for now, or None if the request was wrong.

    Words before the code do not matter: pipelines and scripts add some.
    """
    if isinstance(error, _PASSING):
        return type(error).__name__
    found = _TEMPORARY.search(str(error))
    return found.group() if found else None


def forget_arguments(error: RedisError) -> None:
    """Remove what was sent from the error's text: a guest id may be in it."""
    error.args = (_ARGUMENTS.sub("", str(error)),)


def _is_stale(connection: Connection) -> bool:
    """Tell whether the server closed the connection, or sent an answer that nobody waited for."""
    try:
        return connection.can_read()
    except RedisError:
        return True


def _read_reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
