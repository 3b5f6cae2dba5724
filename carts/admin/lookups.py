"""Looking for living carts that no row tells of, for the staff: always a bounded look.

A guest's id is a secret, so the staff's pages name a guest by its hash. What the hash stands for
is noted here while somebody is looking at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from carts.domain.cart import CartOwner
from carts.domain.errors import CartUnreadable
from carts.live import keys
from carts.live.codec import parse_units
from carts.live.connection import ask, get_client, store_errors
from config.hashing import hash_by_every_key, hash_secret

_NOTE_LIFETIME = timedelta(hours=12)
# Reading as many keeps the server busy for about 10 ms.
_MAX_LOOKED_AT = 5_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a living cart holds of one SKU, None where it has no line of it."""

    owner: CartOwner
    units: int | None


def list_newest_unsaved() -> list[CartOwner]:
    """Return the owners of the carts that became unsaved last, at most 5,000 over all shards.

    Raises CartStoreUnavailable, as everything here does.
    """
    prefixes = keys.shard_prefixes()
    highest = _MAX_LOOKED_AT // len(prefixes) - 1
    owners: list[CartOwner] = []
    for prefix in prefixes:
        with store_errors():
            members = get_client().zrevrange(keys.shard_keys(prefix).dirty, 0, highest)
        owners += _parse(members)
    return owners


def look_for_sku(owners: Sequence[CartOwner], sku_id: str) -> list[Sighting]:
    """Return what the living carts of these owners hold of a SKU, in one round trip.

    Owners without a living cart are left out, and those of hashes that are not a cart's.
    """
    if not owners:
        return []
    replies = ask([("HMGET", keys.cart_key(owner), "@id", sku_id) for owner in owners])
    return [
        Sighting(owner, _read_units(reply[1]))
        for owner, reply in zip(owners, replies, strict=True)
        if isinstance(reply, list) and reply[0] is not None
    ]


def note_guests(guests: Sequence[CartOwner]) -> None:
    """Note for some hours whom the hashes of these guests stand for, in one round trip."""
    if not guests:
        return
    seconds = int(_NOTE_LIFETIME.total_seconds())
    ask(
        [
            ("SET", keys.guest_note_key(hash_secret(guest.key)), guest.id, "EX", seconds)
            for guest in guests
        ]
    )


def find_guest(digest: str) -> CartOwner | None:
    """Return the guest whose hash this is: a noted one, or one of the newest unsaved carts."""
    with store_errors():
        noted = get_client().get(keys.guest_note_key(digest))
    if noted is not None:
        return CartOwner.for_guest(noted.decode())
    candidates = (owner for owner in list_newest_unsaved() if owner.is_guest)
    return next((owner for owner in candidates if digest in hash_by_every_key(owner.key)), None)


def _read_units(value: bytes | None) -> int | None:
    try:
        return None if value is None else parse_units(value)
    except CartUnreadable:
        return None


def _parse(members: Sequence[bytes]) -> list[CartOwner]:
    owners = []
    for member in members:
        try:
            owners.append(keys.parse_cart_key(member.decode()))
        except ValueError:
            continue
    return owners
