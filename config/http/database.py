"""Connections to PostgreSQL on which no wait is endless.

The server itself ends statements that take too long, so a server that hangs, or a network that
swallows everything, would hold a thread on an open connection for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

# How long the server may take to say that a statement took too long.
_GRACE_SECONDS = 2.0


class BoundedConnection(Connection[Any]):
    """A connection that is given up a while after a statement's time is over.

    That is `patience_ms`, or without one DATABASE_STATEMENT_TIMEOUT_MS, if it is not 0. What was
    being asked for fails with OperationalError then; whether it was done is unknown.
    """

    patience_ms: int | None = None

    def wait(self, gen: PQGen[Any], *args: Any, **options: Any) -> Any:
        """Wait for the server as psycopg does, but not for ever."""
        limit_ms = self.patience_ms or settings.DATABASE_STATEMENT_TIMEOUT_MS
        if limit_ms and options.get("timeout") is None:
            options["timeout"] = limit_ms / 1_000 + _GRACE_SECONDS
        try:
            return super().wait(gen, *args, **options)
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # What the server says later must not be taken for the answer to something else.
                self.close()
            raise


def bound_waits(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Make a new connection of Django's a bounded one, by its class: Django offers no setting."""
    connection.connection.__class__ = BoundedConnection


@contextmanager
def bound_statements(patience: timedelta) -> Iterator[None]:
    """Let each statement of a transaction take this long, instead of as long as all others may.

    What takes longer fails with OperationalError.
    """
    patience_ms = patience // timedelta(milliseconds=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience_ms)])
        # The server's own bound is of no use where the wait for it ends first.
        bounded: BoundedConnection = connection.connection
        bounded.patience_ms = patience_ms
        try:
            yield
        finally:
            bounded.patience_ms = None
