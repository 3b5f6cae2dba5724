"""Entries of jobs that are set aside because they failed, and how often entries failed.

Both are kept in Redis. While Redis does not answer, every run tries every entry.
"""

import time
from contextlib import suppress
from datetime import timedelta

from redis.exceptions import RedisError

from carts.live.connection import get_client
from carts.live.keys import figures_key, set_aside_key

# The prefix of a job's name among the counters.
FAILURES = "failures:"


def find_set_aside(job: str) -> frozenset[str]:
    """Return the entries of a job whose pause is not over, in one round trip."""
    name, now_ms = set_aside_key(job), time.time_ns() // 1_000_000
    with suppress(RedisError):
        pipeline = get_client().pipeline(transaction=False)
        pipeline.zremrangebyscore(name, "-inf", now_ms)
        pipeline.zrange(name, 0, -1)
        _, members = pipeline.execute()
        return frozenset(member.decode() for member in members)
    return frozenset()


def set_entry_aside(job: str, entry: str, *, pause: timedelta) -> None:
    """Have the job pass over an entry for `pause`, and count its failure, in one round trip."""
    until_ms = time.time_ns() // 1_000_000 + pause // timedelta(milliseconds=1)
    with suppress(RedisError):
        pipeline = get_client().pipeline(transaction=False)
        pipeline.zadd(set_aside_key(job), {entry: until_ms})
        pipeline.hincrby(figures_key(), f"{FAILURES}{job}", 1)
        pipeline.execute()
