"""Looks at the live store for carts that may have no copy yet; each look is bounded."""

from carts.domain.cart import CartOwner
from carts.live import roll
from carts.live.bulk import read_newest_unsaved
from carts.live.guests import find_noted_guest
from carts.live.keys import shard_prefixes
from config.hashing import hash_by_every_key

# Reading this many keeps the server busy for about 10 ms.
_MAX_LOOKED_AT = 5_000


def list_newest_unsaved() -> list[CartOwner]:
    """Return the owners of the carts that became unsaved last, at most 5,000 over all shards.

    Raises CartStoreUnavailable, as everything here does.
    """
    prefixes = shard_prefixes()
    count = _MAX_LOOKED_AT // len(prefixes)
    return [owner for prefix in prefixes for owner in read_newest_unsaved(prefix, count=count)]


def list_drifted() -> list[CartOwner]:
    """Return the owners of carts that were found adrift, at most 5,000 over all shards."""
    prefixes = shard_prefixes()
    limit = _MAX_LOOKED_AT // len(prefixes)
    return [owner for prefix in prefixes for owner in roll.list_drifted(prefix, limit=limit)]


def find_guest(digest: str) -> CartOwner | None:
    """Return the guest with this hash, who is noted or has one of the newest unsaved carts."""
    if (noted := find_noted_guest(digest)) is not None:
        return noted
    candidates = (owner for owner in list_newest_unsaved() if owner.is_guest)
    return next((owner for owner in candidates if digest in hash_by_every_key(owner.key)), None)
