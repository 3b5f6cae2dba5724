"""Whether the stores are there, take changes, and keep what they are given."""

import enum
import threading
from contextlib import closing

from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

Readiness = tuple[str, bool]

_UNREACHABLE: Readiness = ("unreachable", False)
_READ_ONLY: Readiness = ("takes no changes", False)
# Applied migrations stay applied while this process runs, so one look is enough.
_migrations_seen = threading.Event()


class EvictionPolicy(enum.Enum):
    """What Redis does with carts when its memory is full."""

    KEEPS_CARTS = "ok"
    WOULD_DROP_CARTS = "would drop carts if memory were limited"
    DROPS_CARTS = "drops carts"


def read_eviction_policy() -> EvictionPolicy | None:
    """Ask the carts' Redis, in one round trip; None where it cannot be asked."""
    try:
        # Not CONFIG GET, which hosted servers refuse.
        memory = get_redis_connection("carts").info("memory")
    except RedisError:
        return None
    # The volatile policies are no better: guests' carts have a TTL.
    if memory["maxmemory_policy"] == "noeviction":
        return EvictionPolicy.KEEPS_CARTS
    if memory["maxmemory"] == 0:
        return EvictionPolicy.WOULD_DROP_CARTS
    return EvictionPolicy.DROPS_CARTS


def describe_redis() -> Readiness:
    """Return how the carts' Redis is, and whether it takes changes and keeps carts."""
    policy = read_eviction_policy()
    if policy is None:
        return _UNREACHABLE
    if policy is EvictionPolicy.DROPS_CARTS:
        return policy.value, False
    try:
        # There is no such key, so nothing changes. A server refuses when its memory or disk is
        # full, when it is a replica or lacks replicas, and while a script keeps it busy.
        get_redis_connection("carts").set("health:probe", "", xx=True)
    except ResponseError:
        return _READ_ONLY
    except RedisError:
        return _UNREACHABLE
    return policy.value, True


def describe_postgresql() -> Readiness:
    """Return how the database is, and whether it can be used."""
    # A connection of its own: on an open one, a server that hangs would never answer. A new one is
    # given up after its connect_timeout.
    try:
        with closing(connection.copy()) as probe:
            probe.ensure_connection()
            if _is_read_only(probe):
                return _READ_ONLY
            if _lacks_migrations(probe):
                return "migrations missing", False
    except (DatabaseError, InterfaceError):
        return _UNREACHABLE
    return "ok", True


def _is_read_only(probe: BaseDatabaseWrapper) -> bool:
    """Tell whether this is a standby, or somebody has made the database read-only."""
    with probe.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() != ("off",))


def _lacks_migrations(probe: BaseDatabaseWrapper) -> bool:
    """Tell whether the database lacks migrations of this code."""
    if _migrations_seen.is_set():
        return False
    executor = MigrationExecutor(probe)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return True
    _migrations_seen.set()
    return False
