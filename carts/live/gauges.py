"""The state of the live store, as the store itself reports it."""

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from typing import Any

from redis.exceptions import ResponseError

from carts.live.codec import pair_fields
from carts.live.connection import ask, get_client, store_errors
from carts.live.keys import ShardKeys, shard_keys, shard_prefixes
from config.stores.redis import take_value


@dataclass(frozen=True, slots=True)
class Memory:
    """How many bytes the store uses, and may use: `maxmemory`, or without one the machine's."""

    used_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class StoreGauges:
    """The state of all shards together; ages are in seconds, 0.0 where nothing waits.

    `counters` are those of the scripts and of `carts.live.counters`, by name.
    """

    unsaved_carts: int
    oldest_unsaved_seconds: float
    carts_set_aside: int
    carts_drifted: int
    pending_merges: int
    waiting_changes: int
    oldest_change_seconds: float
    drained_changes: int
    lost_changes: int
    counters: Counter[str]
    memory: Memory


def read_gauges() -> StoreGauges:
    """Ask the store in one round trip, and each shard in one more. Raises CartStoreUnavailable."""
    memory = _read_memory()
    return reduce(_add, [_read_shard(shard_keys(prefix), memory) for prefix in shard_prefixes()])


def _read_shard(keys: ShardKeys, memory: Memory) -> StoreGauges:
    # As one transaction: a drain between two of the answers would look like a loss.
    *_queued, replies = ask(
        [
            ("MULTI",),
            ("TIME",),
            ("ZCARD", keys.unsaved),
            ("ZRANGE", keys.unsaved, 0, 0, "WITHSCORES"),
            ("ZCARD", keys.set_aside),
            ("ZCARD", keys.drifted),
            ("ZCARD", keys.merging),
            ("XINFO", "STREAM", keys.changes),
            ("HGET", keys.progress, "drained"),
            ("HGETALL", keys.counters),
            ("EXEC",),
        ]
    )
    moment, unsaved, oldest, *counts, stream, drained, counters = take_value(replies)
    set_aside, drifted, merging = counts
    seconds, microseconds = map(int, moment)
    now_ms = seconds * 1_000 + microseconds / 1_000
    # There is no stream until the first change.
    about: dict[bytes, Any] = {} if isinstance(stream, ResponseError) else pair_fields(stream)
    found = pair_fields(counters)
    first, length = about.get(b"first-entry"), about.get(b"length", 0)
    return StoreGauges(
        unsaved_carts=unsaved,
        oldest_unsaved_seconds=_age(now_ms, float(oldest[1])) if oldest else 0.0,
        carts_set_aside=set_aside,
        carts_drifted=drifted,
        pending_merges=merging,
        waiting_changes=length,
        oldest_change_seconds=_age(now_ms, int(first[0].partition(b"-")[0])) if first else 0.0,
        drained_changes=int(drained or 0),
        lost_changes=about.get(b"entries-added", 0) - length - int(drained or 0),
        counters=Counter({name.decode(): int(value) for name, value in found.items()}),
        memory=memory,
    )


def _read_memory() -> Memory:
    with store_errors():
        memory = get_client().info("memory")
    limit = memory["maxmemory"] or memory.get("total_system_memory", 0)
    return Memory(used_bytes=memory["used_memory"], limit_bytes=limit)


def _age(now_ms: float, then_ms: float) -> float:
    return max(now_ms - then_ms, 0.0) / 1_000


def _add(one: StoreGauges, other: StoreGauges) -> StoreGauges:
    return StoreGauges(
        unsaved_carts=one.unsaved_carts + other.unsaved_carts,
        oldest_unsaved_seconds=max(one.oldest_unsaved_seconds, other.oldest_unsaved_seconds),
        carts_set_aside=one.carts_set_aside + other.carts_set_aside,
        carts_drifted=one.carts_drifted + other.carts_drifted,
        pending_merges=one.pending_merges + other.pending_merges,
        waiting_changes=one.waiting_changes + other.waiting_changes,
        oldest_change_seconds=max(one.oldest_change_seconds, other.oldest_change_seconds),
        drained_changes=one.drained_changes + other.drained_changes,
        lost_changes=one.lost_changes + other.lost_changes,
        counters=one.counters + other.counters,
        memory=one.memory,
    )
