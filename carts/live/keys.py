"""The names of things in Redis, and the ids of carts that do not exist yet.

With CART_SHARDS > 1 every key of a cart carries the same hash tag, so that each script stays in
one slot of a cluster.
"""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import salted_hmac

from carts.domain.cart import CartOwner
from config.hashing import hash_secret

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 24


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys shared by all carts of a shard."""

    unsaved: str
    saving: str
    changes: str
    progress: str
    merging: str
    counters: str
    set_aside: str
    drifted: str


def shard_prefixes() -> list[str]:
    """Return the key prefix of every shard, in order."""
    count = settings.CART_SHARDS
    return [""] if count == 1 else [_prefix(shard) for shard in range(count)]


def shard_prefix(owner: CartOwner) -> str:
    """Return the key prefix of the owner's shard."""
    count = settings.CART_SHARDS
    return "" if count == 1 else _prefix(zlib.crc32(owner.key.encode()) % count)


def shard_keys(prefix: str) -> ShardKeys:
    """Return the shared keys of the shard with this prefix."""
    return ShardKeys(
        unsaved=f"{prefix}cart:dirty",
        saving=f"{prefix}cart:saving",
        changes=f"{prefix}cart:changes",
        progress=f"{prefix}cart:changes:progress",
        merging=f"{prefix}cart:merging",
        counters=f"{prefix}cart:counters",
        set_aside=f"{prefix}cart:set-aside",
        drifted=f"{prefix}cart:drifted",
    )


def cart_key(owner: CartOwner) -> str:
    """Return the key of the owner's cart."""
    return f"{shard_prefix(owner)}cart:{owner.key}"


def match_carts(prefix: str) -> str:
    """Return the pattern for the keys of a shard's carts; some other keys match it as well."""
    return f"{prefix}cart:*"


def match_users() -> str:
    """Return the pattern for the keys of all users' carts; some other keys match it as well."""
    return "*cart:user:*"


def group_by_shard(owners: Iterable[CartOwner]) -> dict[str, list[CartOwner]]:
    """Return the owners by the key prefix of their shard."""
    shards: defaultdict[str, list[CartOwner]] = defaultdict(list)
    for owner in owners:
        shards[shard_prefix(owner)].append(owner)
    return shards


def parse_cart_key(key: str) -> CartOwner:
    """Return the owner of a cart key; raises ValueError for any other key."""
    _, _, owner_key = key.partition("cart:")
    return CartOwner.parse(owner_key)


def unreadable_key(owner: CartOwner) -> str:
    """Return the key under which the owner's hash is put away when it cannot be read."""
    return f"{shard_prefix(owner)}cart:unreadable:{owner.key}"


def call_key(owner: CartOwner, call_id: str) -> str:
    """Return the key of the record of a keyed call."""
    return f"{shard_prefix(owner)}cart:op:{owner.key}:{call_id}"


def ended_tokens_key(user_id: str) -> str:
    """Return the key that tells which of this user's tokens have ended."""
    return f"auth:ended:{user_id}"


def set_aside_key(job: str) -> str:
    """Return the key of the entries that a job passes over for a while."""
    return f"{shard_prefixes()[0]}cart:apart:{job}"


def figures_key() -> str:
    """Return the key of the counters that belong to no shard."""
    return shard_keys(shard_prefixes()[0]).counters


def round_key() -> str:
    """Return the key that holds how far the comparison of all carts has come."""
    return f"{shard_prefixes()[0]}cart:round"


def guest_note_key(digest: str) -> str:
    """Return the key of the staff's note that tells which guest a hashed id stands for."""
    return f"staff:guest:{digest}"


def derive_cart_id(owner: CartOwner, previous_id: str | None) -> str:
    """Return the id of the cart this owner would get next.

    The id is derived, so that a read can show it before the first change writes it. The digest is
    keyed, so that the id tells nothing of a guest id.
    """
    digest = salted_hmac("cart id", f"{owner.key}|{previous_id or ''}", algorithm="sha256").digest()
    return _spell(int.from_bytes(digest[:16]))


def name_openly(owner: CartOwner) -> str:
    """Name an owner to people who may not know a guest id: the id is a secret, so it is hashed."""
    return f"guest:#{hash_secret(owner.key)}" if owner.is_guest else owner.key


def merge_token(guest_cart_id: str, version: int) -> str:
    """Return the short mark by which a user's cart remembers that it took this guest's cart."""
    text = f"{guest_cart_id}|{version}".encode()
    return hashlib.blake2s(text, digest_size=6).hexdigest()


def settlement_token(order_id: str) -> str:
    """Return the short mark by which a cart remembers that this order's units have left it."""
    return hashlib.blake2s(order_id.encode(), digest_size=6).hexdigest()


def _prefix(shard: int) -> str:
    return f"{{c{shard:02d}}}"


def _spell(number: int) -> str:
    letters = ["c"]
    while len(letters) < _ID_LENGTH:
        number, digit = divmod(number, 36)
        letters.append(_ALPHABET[digit])
    return "".join(letters)
