"""Connections to PostgreSQL on which no wait is endless.

The server itself ends statements that take too long, so a server that hangs, or a network that
swallows everything, would hold a thread on an open connection for ever.
"""

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

# How long the server may take to say that a statement took too long.
_GRACE_SECONDS = 2.0


class BoundedConnection(Connection[Any]):
    """A connection that is given up a while after DATABASE_STATEMENT_TIMEOUT_MS, if that is not 0.

    What was being asked for fails with OperationalError then; whether it was done is unknown.
    """

    def wait(self, gen: PQGen[Any], *args: Any, **options: Any) -> Any:
        """Wait for the server as psycopg does, but not for ever."""
        if settings.DATABASE_STATEMENT_TIMEOUT_MS and options.get("timeout") is None:
            options["timeout"] = settings.DATABASE_STATEMENT_TIMEOUT_MS / 1_000 + _GRACE_SECONDS
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
