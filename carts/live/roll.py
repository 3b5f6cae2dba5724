"""How far the comparison of all carts with their copies has come, and which carts have drifted.

This is kept in Redis beside the carts: without the carts there is nothing to compare.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from carts.domain.cart import CartOwner
from carts.live import keys
from carts.live.bulk import read_page, scan_carts
from carts.live.connection import ask, get_client, store_errors
from config.stores.redis import take_value

DriftKind = Literal["unreadable", "not saved", "not marked", "other history", "differs"]

# The prefix of a kind of drift among the counters.
FOUND = "drift:"
# A small shop's carts are all compared within minutes.
_LEAST_KEYS = 100
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a round through all hashes has come, and how many keys are to be passed now.

    `request` names the call for haste that the round answers, "" for a round without haste.
    `began_ms` is when the run that uses this place began.
    """

    cursor: int
    request: str
    keys_left: int
    began_ms: int

    @property
    def is_hurried(self) -> bool:
        return bool(self.request)


def call_for_haste() -> None:
    """Have all carts compared at once, from the first one; do nothing while that goes on.

    Raises CartStoreUnavailable, as everything here does.
    """
    with store_errors():
        get_client().hsetnx(keys.round_key(), "asked", time.time_ns() // 1_000_000)


def find_place(*, period: timedelta) -> Place:
    """Return where to go on, so that a round without haste takes this period.

    A restarted server gets a hurried round: it may have loaded an older file, and the last round's
    cursor means nothing to it.
    """
    names = ("cursor", "server", "request", "asked", "began")
    moment, size, state = map(
        take_value, ask([("TIME",), ("DBSIZE",), ("HMGET", keys.round_key(), *names)])
    )
    now_ms = int(moment[0]) * 1_000
    with store_errors():
        server = get_client().info("server")["run_id"]
    cursor, known, request, asked, began_ms = ((field or b"").decode() for field in state)
    if known != server:
        asked = str(now_ms)
        ask([("HSET", keys.round_key(), "server", server, "asked", asked)])
    if asked != request:
        cursor, request = "", asked
    passed = timedelta(milliseconds=max(now_ms - int(began_ms or now_ms), 0))
    share = int(size * min(passed / period, 1))
    return Place(int(cursor or 0), request, max(share, _LEAST_KEYS), now_ms)


def take_page(place: Place, *, page_size: int) -> tuple[list[CartOwner], Place | None]:
    """Return the owners of the next hashes, and the place after them or None at the round's end."""
    count = page_size if place.is_hurried else min(page_size, place.keys_left)
    cursor, owners = scan_carts(place.cursor, pattern=keys.match_carts("*"), page_size=count)
    left = place.keys_left if place.is_hurried else place.keys_left - count
    return owners, replace(place, cursor=cursor, keys_left=left) if cursor else None


def keep_place(place: Place) -> None:
    """Have the next run go on from here."""
    fields = ("cursor", place.cursor, "request", place.request, "began", place.began_ms)
    ask([("HSET", keys.round_key(), *fields)])


def end_round(place: Place) -> None:
    """Have the next run begin another round, without haste unless somebody calls for it."""
    done = ("request", "asked") if place.is_hurried else ("request",)
    ask(
        [
            ("HSET", keys.round_key(), "cursor", 0, "began", place.began_ms),
            ("HDEL", keys.round_key(), *done),
        ]
    )


def note_drifts(prefix: str, kinds: Mapping[CartOwner, DriftKind]) -> None:
    """Note carts of a shard that have drifted, and count those that were not noted before."""
    if not kinds:
        return
    shared, now_ms = keys.shard_keys(prefix), time.time_ns() // 1_000_000
    added = ask([("ZADD", shared.drifted, now_ms, keys.cart_key(owner)) for owner in kinds])
    new = [kind for kind, is_new in zip(kinds.values(), added, strict=True) if is_new]
    if new:
        ask([("HINCRBY", shared.counters, f"{FOUND}{kind}", 1) for kind in new])


def forget_drifts(prefix: str, owners: Collection[CartOwner]) -> None:
    """Forget that these carts of a shard had drifted."""
    if owners:
        ask([("ZREM", keys.shard_keys(prefix).drifted, *map(keys.cart_key, owners))])


def list_drifted(prefix: str, *, limit: int) -> list[CartOwner]:
    """Return carts of a shard that have drifted; those noted longest ago come first."""
    with store_errors():
        members = get_client().zrange(keys.shard_keys(prefix).drifted, 0, limit - 1)
    return list(read_page(members).owners)


def mark_unsaved(prefix: str, owners: Collection[CartOwner]) -> None:
    """Mark carts of a shard unsaved, so that the next save takes them."""
    unsaved, now_ms = keys.shard_keys(prefix).unsaved, time.time_ns() // 1_000_000
    ask([("ZADD", unsaved, "NX", now_ms, keys.cart_key(owner)) for owner in owners])
