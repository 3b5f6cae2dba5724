"""How the live store is doing, as it tells itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
    """The state of all shards together; ages are seconds, 0.0 where there is nothing to be old.

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
    counters: dict[str, int]
    memory: Memory


def read_gauges() -> StoreGauges:
    """Ask the store, in a round trip, and every shard in another. Raises CartStoreUnavailable."""
    shards = [_read_shard(shard_keys(prefix)) for prefix in shard_prefixes()]
    return _sum_up(shards, _read_memory())


@dataclass(frozen=True, slots=True)
class _Shard:
    """What one shard tells; ages are seconds, 0.0 where there is nothing to be old."""

    unsaved: int
    oldest_unsaved_seconds: float
    set_aside: int
    drifted: int
    merging: int
    waiting: int
    oldest_change_seconds: float
    drained: int
    lost: int
    counters: dict[str, int]


def _read_shard(keys: ShardKeys) -> _Shard:
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
    first, length = about.get(b"first-entry"), about.get(b"length", 0)
    return _Shard(
        unsaved=unsaved,
        oldest_unsaved_seconds=_age(now_ms, float(oldest[1])) if oldest else 0.0,
        set_aside=set_aside,
        drifted=drifted,
        merging=merging,
        waiting=length,
        oldest_change_seconds=_age(now_ms, int(first[0].partition(b"-")[0])) if first else 0.0,
        drained=int(drained or 0),
        lost=about.get(b"entries-added", 0) - length - int(drained or 0),
        counters={name.decode(): int(value) for name, value in pair_fields(counters).items()},
    )


def _read_memory() -> Memory:
    with store_errors():
        memory = get_client().info("memory")
    limit = memory["maxmemory"] or memory.get("total_system_memory", 0)
    return Memory(used_bytes=memory["used_memory"], limit_bytes=limit)


def _age(now_ms: float, then_ms: float) -> float:
    return max(now_ms - then_ms, 0.0) / 1_000


def _sum_up(shards: Sequence[_Shard], memory: Memory) -> StoreGauges:
    counters: Counter[str] = Counter()
    for shard in shards:
        counters.update(shard.counters)
    return StoreGauges(
        unsaved_carts=sum(shard.unsaved for shard in shards),
        oldest_unsaved_seconds=max(shard.oldest_unsaved_seconds for shard in shards),
        carts_set_aside=sum(shard.set_aside for shard in shards),
        carts_drifted=sum(shard.drifted for shard in shards),
        pending_merges=sum(shard.merging for shard in shards),
        waiting_changes=sum(shard.waiting for shard in shards),
        oldest_change_seconds=max(shard.oldest_change_seconds for shard in shards),
        drained_changes=sum(shard.drained for shard in shards),
        lost_changes=sum(shard.lost for shard in shards),
        counters=dict(counters),
        memory=memory,
    )
