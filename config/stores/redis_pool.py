"""Connections to Redis: each thread keeps one."""

import os
import threading
from typing import Any

from redis import ConnectionPool
from redis.connection import Connection, ConnectionInterface
from redis.exceptions import RedisError


class ThreadPool(ConnectionPool):
    """Give every thread a connection of its own, which it never hands back.

    Taking a connection from redis-py's own pool and handing it back costs more than writing a
    command to it. A thread must talk to Redis about one thing at a time, so no subscriptions.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = threading.local()

    def get_connection(self, *args: Any, **kwargs: Any) -> Connection:
        """Return this thread's connection, connected anew if the server has closed it."""
        connection: Connection | None = getattr(self._kept, "connection", None)
        if connection is None or connection.pid != os.getpid():
            # Not counted and listed by the pool: it is closed when its thread ends.
            connection = self.connection_class(**self.connection_kwargs)
            self._kept.connection = connection
        elif connection.is_connected and _is_stale(connection):
            connection.disconnect()  # type: ignore[no-untyped-call]
        connection.connect()
        return connection

    def release(self, connection: ConnectionInterface) -> None:
        """Leave the connection to its thread."""


def _is_stale(connection: Connection) -> bool:
    """Tell whether the server closed it, or sent an answer that nobody waited for."""
    try:
        return connection.can_read()
    except RedisError:
        return True
