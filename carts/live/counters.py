"""Figures that every process adds to, kept in Redis, where any process can read them.

They are for graphs: no call fails because a figure could not be noted, and an emptied Redis counts
from 0 again. The scripts add to most of them along with their other writes.
"""

from contextlib import suppress
from typing import Literal

from redis.exceptions import RedisError

from carts.live.connection import get_client
from carts.live.keys import figures_key

Counter = Literal["changes_set_aside", "events_published"]
Gauge = Literal["events_pending"]


def add(counter: Counter, amount: int) -> None:
    """Add to a counter, in one round trip."""
    with suppress(RedisError):
        get_client().hincrby(figures_key(), counter, amount)


def put(gauge: Gauge, value: int) -> None:
    """Set a gauge, in one round trip."""
    with suppress(RedisError):
        get_client().hset(figures_key(), gauge, value)
