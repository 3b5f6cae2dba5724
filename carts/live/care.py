"""What staff and repairs can see of one hash, and do to it."""

from dataclasses import dataclass
from typing import Any

from carts.domain.cart import CartOwner
from carts.domain.errors import CartUnreadable
from carts.live import keys
from carts.live.codec import LiveCart, parse_live_cart
from carts.live.connection import ask, get_client, run_script, store_errors


@dataclass(frozen=True, slots=True)
class HashState:
    """One hash, and what the store knows about it.

    `found` is None where the hash is not a cart's. The three moments are ms since the epoch, or
    None; `ttl_ms` is None for a hash that does not expire.
    """

    found: LiveCart | None
    bytes_used: int
    ttl_ms: int | None
    unsaved_since_ms: int | None
    merging_since_ms: int | None
    set_aside_ms: int | None


def look_at(owner: CartOwner) -> HashState | None:
    """Return what is known of one hash, None without one; in one round trip.

    It is not checked whether the owner's access has ended. Raises CartStoreUnavailable, as
    everything here does.
    """
    key, shared = keys.cart_key(owner), keys.shard_keys(keys.shard_prefix(owner))
    lists = (shared.unsaved, shared.merging, shared.set_aside)
    fields, ttl_ms, bytes_used, *moments = ask(
        [
            ("HGETALL", key),
            ("PTTL", key),
            ("MEMORY", "USAGE", key),
            *(("ZSCORE", name, key) for name in lists),
        ]
    )
    if bytes_used is None:
        return None
    unsaved, merging, aside = (None if moment is None else int(moment) for moment in moments)
    return HashState(
        found=_parse(owner, fields),
        bytes_used=bytes_used,
        ttl_ms=ttl_ms if ttl_ms >= 0 else None,
        unsaved_since_ms=unsaved,
        merging_since_ms=merging,
        set_aside_ms=aside,
    )


def renew(owner: CartOwner) -> None:
    """Give a cart a new version, so that the next save writes it as it is."""
    shared = keys.shard_keys(keys.shard_prefix(owner))
    run_script("renew", [keys.cart_key(owner), shared.unsaved], ())


def put_away(owner: CartOwner, *, ttl_ms: int) -> bool:
    """Move an unreadable hash to another key for `ttl_ms`, so that its copy can take its place.

    Return whether it was put away. A hash that can be read, or has changed meanwhile, stays.
    """
    key, shared = keys.cart_key(owner), keys.shard_keys(keys.shard_prefix(owner))
    with store_errors():
        dumped = get_client().dump(key)
    state = look_at(owner)
    if dumped is None or state is None or state.found is not None:
        return False
    names = [key, shared.unsaved, shared.set_aside, keys.unreadable_key(owner)]
    return bool(run_script("put_away", names, [dumped, ttl_ms]))


def forget_merge(guest: CartOwner) -> None:
    """Take a guest's cart off the list of merges, when its merge is over."""
    with store_errors():
        get_client().zrem(keys.shard_keys(keys.shard_prefix(guest)).merging, keys.cart_key(guest))


def _parse(owner: CartOwner, fields: Any) -> LiveCart | None:
    try:
        return parse_live_cart(owner, fields)
    except CartUnreadable:
        return None
