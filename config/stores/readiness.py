"""Whether the stores are there, take changes, and keep what they are given."""

import enum
import threading
from contextlib import closing

from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

# What has been applied stays applied while this process runs, so one look is enough.
_migrations_seen = threading.Event()
_READ_ONLY = "takes no changes"


class StoreUnavailable(Exception):
    """A store cannot be asked."""


class StoreReadOnly(Exception):
    """A store answers, but takes no changes."""


class MigrationsMissing(Exception):
    """The database lacks migrations of this code."""


class EvictionPolicy(enum.Enum):
    """What Redis does with carts when its memory is full."""

    KEEPS_CARTS = "ok"
    WOULD_DROP_CARTS = "would drop carts if memory were limited"
    DROPS_CARTS = "drops carts"


def read_eviction_policy() -> EvictionPolicy:
    """Ask the carts' Redis in one round trip. Raises StoreUnavailable."""
    try:
        # Not CONFIG GET, which hosted servers refuse.
        memory = get_redis_connection("carts").info("memory")
    except RedisError as error:
        raise StoreUnavailable from error
    # The volatile policies are no better: guests' carts have a TTL.
    if memory["maxmemory_policy"] == "noeviction":
        return EvictionPolicy.KEEPS_CARTS
    if memory["maxmemory"] == 0:
        return EvictionPolicy.WOULD_DROP_CARTS
    return EvictionPolicy.DROPS_CARTS


def describe_redis() -> tuple[str, bool]:
    """Return how the carts' Redis is, and whether it takes changes, and carts are safe there."""
    try:
        policy = read_eviction_policy()
        if policy is not EvictionPolicy.DROPS_CARTS:
            _try_to_write()
    except StoreUnavailable:
        return "unreachable", False
    except StoreReadOnly:
        return _READ_ONLY, False
    return policy.value, policy is not EvictionPolicy.DROPS_CARTS


def _try_to_write() -> None:
    """Ask for a change of a key that there is not, which changes nothing.

    Refused are changes by a server whose memory or disk is full, by one that is a replica or lacks
    its own, and by one that is busy with a script.
    """
    try:
        get_redis_connection("carts").set("health:probe", "", xx=True)
    except ResponseError as error:
        raise StoreReadOnly from error
    except RedisError as error:
        raise StoreUnavailable from error


def describe_postgresql() -> tuple[str, bool]:
    """Return how the database is, and whether it can be used."""
    try:
        _check_postgresql()
    except StoreUnavailable:
        return "unreachable", False
    except StoreReadOnly:
        return _READ_ONLY, False
    except MigrationsMissing:
        return "migrations missing", False
    return "ok", True


def _check_postgresql() -> None:
    # A connection of its own: on an open one, a server that hangs would never answer, while a
    # new one is given up after its connect_timeout.
    try:
        with closing(connection.copy()) as probe:
            probe.ensure_connection()
            _check_changes(probe)
            _check_migrations(probe)
    except (DatabaseError, InterfaceError) as error:
        raise StoreUnavailable from error


def _check_changes(probe: BaseDatabaseWrapper) -> None:
    """Raise StoreReadOnly for a standby, and where somebody has made the database read-only."""
    with probe.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() != ("off",):
            raise StoreReadOnly


def _check_migrations(probe: BaseDatabaseWrapper) -> None:
    if _migrations_seen.is_set():
        return
    executor = MigrationExecutor(probe)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise MigrationsMissing
    _migrations_seen.set()
