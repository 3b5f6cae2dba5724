"""Connections to PostgreSQL on which no wait is endless, and transactions that lose no race.

Only the server itself ends statements that take too long. So a server that hangs, or a network that
swallows everything, would hold a thread on an open connection for ever.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import OperationalError as DjangoOperationalError
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, JSONField, Model, QuerySet
from prometheus_client import Counter
from psycopg import Connection, OperationalError, errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, TransactionStatus

logger = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# How long the server may take to report that a statement took too long.
_GRACE_SECONDS = 2.0
_CANCEL_SECONDS = 0.5
# The server answers, but serves nobody on this connection: it has become a standby or its disk is
# full, or it has ended a transaction that rested for too long.
_OUT_OF_SERVICE = (errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout)
# Errors of a transaction that met others, and may succeed the next time.
_LOST_RACES = (errors.DeadlockDetected, errors.LockNotAvailable, errors.SerializationFailure)
# A deadlock costs a second each time, and a row that is not free in time may stay locked long.
_MAX_BEGINNINGS = 5
_MAX_LOCK_TIMEOUTS = 2
_REST_SECONDS = 0.05

_BEGUN_AGAIN = Counter(
    "database_transactions_begun_again", "Transactions that met others and began again.", ["reason"]
)


class BoundedConnection(Connection[Any]):
    """A connection that is given up a while after a statement's time is over.

    The time is `patience_ms`, or DATABASE_STATEMENT_TIMEOUT_MS where that is None; 0 sets no bound.
    The statement then fails with OperationalError, and may have been done all the same. A server
    that takes no changes for now raises OperationalError, too.
    """

    patience_ms: int | None = None

    def wait(self, gen: PQGen[Any], *args: Any, **options: Any) -> Any:
        """Wait for the server as psycopg does, but not for ever."""
        limit_ms = self.patience_ms or settings.DATABASE_STATEMENT_TIMEOUT_MS
        if limit_ms and options.get("timeout") is None:
            options["timeout"] = limit_ms / 1_000 + _GRACE_SECONDS
        try:
            return super().wait(gen, *args, **options)
        except _OUT_OF_SERVICE as error:
            # The next connection may lead to the server that has taken over.
            self.close()
            raise OperationalError(str(error)) from error
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._give_up()
            raise

    def _give_up(self) -> None:
        """End the statement, and the connection, too.

        A late answer of the server must not be taken for the answer to another statement.
        """
        with suppress(OperationalError):
            self.cancel_safe(timeout=_CANCEL_SECONDS)
        self.close()

    def _start_query(self) -> PQGen[None]:
        """Begin a transaction as psycopg does, with its time-outs in the same message.

        With a pooler that lends connections for one transaction, no other way is cheaper.
        """
        if self.autocommit or self.pgconn.transaction_status != TransactionStatus.IDLE:
            return
        begin = [self._get_tx_start_command().decode()]
        begin += [f"SET LOCAL {name} = {ms}" for name, ms in list_timeouts().items()]
        self.pgconn.send_query("; ".join(begin).encode())
        for result in (yield from generators.execute(self.pgconn)):
            if result.status != ExecStatus.COMMAND_OK:
                raise errors.error_from_result(result, encoding=self.pgconn._encoding)


def list_timeouts() -> dict[str, int]:
    """Return the server's own bounds for a transaction, in ms by name; 0 is none."""
    return {
        "statement_timeout": settings.DATABASE_STATEMENT_TIMEOUT_MS,
        "lock_timeout": settings.DATABASE_LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_TIMEOUT_MS,
    }


def bound_waits(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Make a new connection of Django's a bounded one; by its class, as Django has no setting."""
    connection.connection.__class__ = BoundedConnection


def in_transaction(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a function in a transaction, which begins again when it lost a race; a decorator.

    It loses by a deadlock, a serialization failure, or a lock that was not free in time. The
    function then starts anew, so it must be safe to repeat. After 5 starts, or a second lock that
    was not free, its OperationalError is raised. Within an open transaction the function is a part
    of that one, and the outermost begins again.
    """

    @wraps(function)
    def run(*args: Parameters.args, **options: Parameters.kwargs) -> Result:
        if connection.in_atomic_block:
            with transaction.atomic():
                return function(*args, **options)
        lock_timeouts = 0
        for beginning in range(_MAX_BEGINNINGS):
            try:
                with transaction.atomic():
                    return function(*args, **options)
            except DjangoOperationalError as error:
                lock_timeouts += isinstance(error.__cause__, errors.LockNotAvailable)
                is_last = beginning == _MAX_BEGINNINGS - 1 or lock_timeouts == _MAX_LOCK_TIMEOUTS
                if is_last or not has_lost_race(error):
                    raise
                _BEGUN_AGAIN.labels(type(error.__cause__).__name__).inc()
                logger.info("transaction begins again: %s", type(error.__cause__).__name__)
            # The transactions that met must not meet again at once.
            time.sleep(random.uniform(0, _REST_SECONDS * 2**beginning))  # noqa: S311
        raise AssertionError

    return run


def lock_rows(rows: QuerySet[Any]) -> None:
    """Lock rows in id order until the transaction ends, for anything but a change of their ids.

    Whoever locks several in this order queues up, and never deadlocks. Must run in a transaction.
    """
    locked = rows.select_for_update(no_key=True, of=("self",)).order_by("pk")
    list(locked.values_list("pk"))


@in_transaction
def change_rows(rows: QuerySet[Any], **values: Any) -> None:
    """Give many rows the same values, locked in id order first; three queries.

    An UPDATE alone would lock rows in any order, and deadlock with a checkout of two of them.
    """
    found = rows.model._default_manager.filter(pk__in=list(rows.values_list("pk", flat=True)))
    lock_rows(found)
    found.update(**values)


def update_rows(rows: Iterable[Model], names: Sequence[str]) -> None:
    """Write these attributes of rows of one model, by their primary keys, in one query.

    Like `bulk_update`, but values come as arrays, not as a CASE for each.
    """
    rows = list(rows)
    if not rows:
        return
    options = type(rows[0])._meta
    key = options.pk
    fields = [field for field in options.concrete_fields if field.attname in names]
    columns = [[_as_text(field, row) for row in rows] for field in (key, *fields)]
    quote = connection.ops.quote_name
    changes = ", ".join(
        f"{quote(str(field.column))} = new.v{place}::{field.db_type(connection)}"
        for place, field in enumerate(fields, start=1)
    )
    values = ", ".join(f"v{place}" for place in range(len(columns)))
    arrays = ", ".join(["%s::text[]"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(options.db_table)} AS row SET {changes} "  # noqa: S608
            f"FROM unnest({arrays}) AS new({values}) WHERE row.{quote(str(key.column))} = new.v0",
            columns,
        )


def _as_text(field: "Field[Any, Any]", row: Model) -> str | None:
    """Return a value as PostgreSQL reads it from text."""
    value = getattr(row, field.attname)
    if isinstance(field, JSONField):
        return json.dumps(value, ensure_ascii=False)
    return None if value is None else str(value)


def has_lost_race(error: Exception) -> bool:
    """Tell whether a transaction failed because of others, and not by its own fault."""
    return isinstance(error.__cause__, _LOST_RACES)


def allow_rest(patience: timedelta) -> None:
    """Let the open transaction rest for this long, instead of the time that others have."""
    patience_ms = patience // timedelta(milliseconds=1)
    name = "idle_in_transaction_session_timeout"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, str(patience_ms)])


@contextmanager
def bound_statements(patience: timedelta) -> Iterator[None]:
    """Run a transaction whose statements may each take this long, instead of the usual time.

    One that takes longer fails with OperationalError.
    """
    patience_ms = patience // timedelta(milliseconds=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience_ms)])
        # The server's own bound is of no use if the client stops waiting first.
        bounded: BoundedConnection = connection.connection
        bounded.patience_ms = patience_ms
        try:
            yield
        finally:
            bounded.patience_ms = None
