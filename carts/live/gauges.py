"""How the live store is doing, told by the store itself in one round trip."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from carts.live.connection import get_client, store_errors
from carts.live.keys import ShardKeys, shard_keys, shard_prefixes


@dataclass(frozen=True, slots=True)
class StoreGauges:
    """The state of all shards together; ages are seconds, 0.0 where there is nothing to be old.

    `counters` are those of the scripts and of `carts.live.counters`, by name.
    """

    unsaved_carts: int
    oldest_unsaved_seconds: float
    carts_set_aside: int
    pending_merges: int
    waiting_changes: int
    oldest_change_seconds: float
    drained_changes: int
    lost_changes: int
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Shard:
    """What one shard answers; the times are ms since the epoch, None without an entry."""

    unsaved: int
    oldest_unsaved_ms: float | None
    set_aside: int
    merging: int
    waiting: int
    oldest_change_ms: int | None
    added: int
    drained: int
    counters: dict[str, int]


def read_gauges() -> StoreGauges:
    """Ask every shard. Raises CartStoreUnavailable."""
    names = [shard_keys(prefix) for prefix in shard_prefixes()]
    with store_errors():
        pipeline = get_client().pipeline(transaction=False)
        pipeline.time()
        for keys in names:
            _ask(pipeline, keys)
        (seconds, microseconds), *replies = pipeline.execute(raise_on_error=False)
    now_ms = seconds * 1_000 + microseconds / 1_000
    size = len(replies) // len(names)
    return _sum_up(now_ms, [_read(replies[n : n + size]) for n in range(0, len(replies), size)])


def _ask(pipeline: Any, keys: ShardKeys) -> None:
    pipeline.zcard(keys.dirty)
    pipeline.zrange(keys.dirty, 0, 0, withscores=True)
    pipeline.zcard(keys.set_aside)
    pipeline.zcard(keys.merging)
    pipeline.xinfo_stream(keys.changes)
    pipeline.hget(keys.progress, "drained")
    pipeline.hgetall(keys.counters)


def _read(replies: Sequence[Any]) -> _Shard:
    """Read the replies to `_ask`."""
    unsaved, oldest, set_aside, merging, stream, drained, counters = replies
    if isinstance(stream, ResponseError):
        # There is none until the first change.
        stream = {"length": 0, "first-entry": None, "entries-added": 0}
    first = stream["first-entry"]
    return _Shard(
        unsaved=unsaved,
        oldest_unsaved_ms=oldest[0][1] if oldest else None,
        set_aside=set_aside,
        merging=merging,
        waiting=stream["length"],
        oldest_change_ms=int(first[0].partition(b"-")[0]) if first else None,
        added=stream["entries-added"],
        drained=int(drained or 0),
        counters={name.decode(): int(value) for name, value in counters.items()},
    )


def _sum_up(now_ms: float, shards: Sequence[_Shard]) -> StoreGauges:
    def age_of(moments: list[float]) -> float:
        return max(now_ms - min(moments), 0.0) / 1_000 if moments else 0.0

    counters: Counter[str] = Counter()
    for shard in shards:
        counters.update(shard.counters)
    return StoreGauges(
        unsaved_carts=sum(shard.unsaved for shard in shards),
        oldest_unsaved_seconds=age_of(
            [s.oldest_unsaved_ms for s in shards if s.oldest_unsaved_ms is not None]
        ),
        carts_set_aside=sum(shard.set_aside for shard in shards),
        pending_merges=sum(shard.merging for shard in shards),
        waiting_changes=sum(shard.waiting for shard in shards),
        oldest_change_seconds=age_of(
            [s.oldest_change_ms for s in shards if s.oldest_change_ms is not None]
        ),
        drained_changes=sum(shard.drained for shard in shards),
        lost_changes=sum(shard.added - shard.waiting - shard.drained for shard in shards),
        counters=dict(counters),
    )
