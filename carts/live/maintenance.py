"""Many live carts at once, as saving, sweeping and operators' commands need them.

A shard is named by its key prefix; all carts of one call belong to the same shard.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from carts.domain.cart import Cart, CartOwner
from carts.live import keys
from carts.live.codec import decode_cart, pair_fields
from carts.live.connection import ask, get_client, store_errors, take_value
from carts.live.scripts import load_script

RetireOutcome = Literal["done", "absent", "kept"]

# A script holds up everybody else for about 15 microseconds a cart of five lines.
_CARTS_PER_SCRIPT = 20
_PAGE = 1_000
# A batch takes a tenth of it, as a rule. One that takes longer is saved twice, which does no harm.
_LEASE = timedelta(seconds=10)
_CART_NAME = re.compile(rb".*?cart:(user|guest):")


@dataclass(frozen=True, slots=True)
class Claim:
    """A cart read to be saved.

    `known_versions` are those that the permanent copy may have by this cart's own history: the
    one last saved (0 for none), then those read to be saved since.
    """

    cart: Cart
    known_versions: tuple[int, ...]

    def descends_from(self, version: int) -> bool:
        """Tell whether a copy of this version belongs to the history of the cart.

        A copy older than the one last saved does not speak against it: then it is the database
        that was restored from an older file.
        """
        return version <= self.known_versions[0] or version in (
            *self.known_versions,
            self.cart.version,
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What was found of the carts asked for; each is in one of the three."""

    found: tuple[Claim, ...]
    vanished: tuple[CartOwner, ...]
    unreadable: tuple[CartOwner, ...]


@dataclass(frozen=True, slots=True)
class UnsavedPage:
    """Owners of unsaved carts, and members of the list that name no cart."""

    owners: tuple[CartOwner, ...]
    strangers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TakenPage(UnsavedPage):
    """Carts to save; `age` is how long the oldest has been unsaved."""

    age: timedelta


def take_unsaved(prefix: str, *, page_size: int) -> Iterator[TakenPage]:
    """Take the carts that have been unsaved for longest, in pages, the oldest first.

    Nobody else takes them until they are saved or set aside, or for ten seconds. Ends with a page
    that is not full: what is unsaved then is younger, or somebody else's.
    """
    shared, lease_ms = keys.shard_keys(prefix), _LEASE // timedelta(milliseconds=1)
    while True:
        names = [shared.dirty, shared.saving]
        age_ms, members = _run("take_unsaved", names, [page_size, lease_ms])
        if members:
            page = _read_page(members)
            age = timedelta(milliseconds=int(age_ms))
            yield TakenPage(page.owners, page.strangers, age)
        if len(members) < page_size:
            return


def read_unsaved_age(prefix: str) -> timedelta:
    """Return how long the oldest unsaved change of a shard has been waiting."""
    unsaved = keys.shard_keys(prefix).dirty
    (seconds, microseconds), oldest = map(
        take_value, ask([("TIME",), ("ZRANGE", unsaved, 0, 0, "WITHSCORES")])
    )
    if not oldest:
        return timedelta()
    now = timedelta(seconds=int(seconds), microseconds=int(microseconds))
    return max(now - timedelta(milliseconds=float(oldest[1])), timedelta())


def list_unsaved(prefix: str, *, page_size: int) -> Iterator[UnsavedPage]:
    """List the carts that are unsaved all the time this takes, in pages of `page_size`.

    Carts that become unsaved or saved meanwhile may be listed or not.
    """
    unsaved, cursor = keys.shard_keys(prefix).dirty, 0
    named: list[bytes] = []
    while True:
        with store_errors():
            cursor, members = get_client().zscan(unsaved, cursor, count=page_size)
        # A scan may tell of a member twice, and of some more or less than asked for.
        named = list(dict.fromkeys([*named, *(member for member, _ in members)]))
        while len(named) >= page_size or (named and cursor == 0):
            yield _read_page(named[:page_size])
            named = named[page_size:]
        if cursor == 0:
            return


def list_carts(prefix: str, *, page_size: int) -> Iterator[list[CartOwner]]:
    """List the owners of all hashes that are there all the time this takes, in pages."""
    cursor = 0
    while True:
        with store_errors():
            cursor, names = get_client().scan(cursor, match=f"{prefix}cart:*", count=page_size)
        owners = _read_page([name for name in names if _CART_NAME.match(name)]).owners
        for start in range(0, len(owners), page_size):
            yield list(dict.fromkeys(owners[start : start + page_size]))
        if cursor == 0:
            return


def list_users(*, page_size: int) -> Iterator[list[CartOwner]]:
    """List the users whose hashes are there all the time this takes, of all shards, in pages."""
    cursor = 0
    while True:
        with store_errors():
            cursor, names = get_client().scan(cursor, match="*cart:user:*", count=page_size)
        owners = [owner for owner in _read_page(names).owners if not owner.is_guest]
        if owners:
            yield owners
        if cursor == 0:
            return


def peek(prefix: str, owners: Sequence[CartOwner]) -> list[Claim]:
    """Read carts without their lines, and without noting anything; leaves out unreadable ones."""
    names = _names(prefix, owners)
    replies = ask([("HMGET", name, "@id", "@version", "@saved") for name in names])
    claims = map(_decode_head, owners, replies)
    return [claim for claim in claims if claim is not None]


def claim(prefix: str, owners: Sequence[CartOwner]) -> Claims:
    """Read carts to save them, noting in each the version that is going to be saved.

    Carts without a hash are no longer unsaved after it.
    """
    unsaved = keys.shard_keys(prefix).dirty
    found: list[Claim] = []
    vanished: list[CartOwner] = []
    unreadable: list[CartOwner] = []
    for chunk in _chunks(owners):
        names = [unsaved, *_names(prefix, chunk)]
        for owner, flat in zip(chunk, _run("claim", names, ()), strict=True):
            if flat is None:
                vanished.append(owner)
            elif (read := _decode_claim(owner, flat)) is not None:
                found.append(read)
            else:
                unreadable.append(owner)
    return Claims(tuple(found), tuple(vanished), tuple(unreadable))


def confirm(prefix: str, versions: Mapping[CartOwner, int]) -> None:
    """Note the versions that are saved now; carts still at theirs are unsaved no more."""
    shared = keys.shard_keys(prefix)
    for chunk in _chunks(list(versions)):
        names = [shared.dirty, shared.saving, shared.set_aside, shared.counters]
        names += _names(prefix, chunk)
        _run("confirm", names, [versions[owner] for owner in chunk])


def set_aside(prefix: str, members: Sequence[str | bytes]) -> None:
    """Take what cannot be saved off the list of unsaved carts; its next change brings it back."""
    shared = keys.shard_keys(prefix)
    names = [shared.dirty, shared.saving, shared.set_aside, shared.counters]
    _run("set_aside", names, members)


def forget_vanished(prefix: str) -> None:
    """Forget that carts were set aside where their hashes are gone."""
    aside = keys.shard_keys(prefix).set_aside
    with store_errors():
        members = [member for member, _ in get_client().zscan_iter(aside, count=_PAGE)]
    for chunk in _chunks(_read_page(members).owners):
        _run("forget_vanished", [aside, *_names(prefix, chunk)], ())


@dataclass(frozen=True, slots=True)
class Page:
    """Carts as they were found; `unsaved` are the owners of those marked so."""

    found: tuple[Claim, ...]
    unreadable: tuple[CartOwner, ...]
    unsaved: frozenset[CartOwner]


def read(prefix: str, owners: Sequence[CartOwner]) -> Page:
    """Read carts without noting anything; those without a hash are left out."""
    names = _names(prefix, owners)
    scoring = ("ZMSCORE", keys.shard_keys(prefix).dirty, *(names or [""]))
    scores, *replies = ask([scoring, *(("HGETALL", name) for name in names)])
    present = [(owner, reply) for owner, reply in zip(owners, replies, strict=True) if reply != []]
    read = {owner: _decode_claim(owner, reply) for owner, reply in present}
    return Page(
        found=tuple(found for found in read.values() if found is not None),
        unreadable=tuple(owner for owner, found in read.items() if found is None),
        unsaved=frozenset(
            owner for owner, score in zip(owners, scores, strict=False) if score is not None
        ),
    )


@dataclass(frozen=True, slots=True)
class LivingState:
    """One hash, and what is known beside it.

    `claim` is None where the hash is not a cart's. The times are ms since the epoch, None where
    there is none; `ttl_ms` is None for a hash that stays.
    """

    claim: Claim | None
    bytes_used: int
    ttl_ms: int | None
    unsaved_since_ms: int | None
    merging_since_ms: int | None
    set_aside_ms: int | None


def look_at(owner: CartOwner) -> LivingState | None:
    """Return what is known of one hash, None without one."""
    name, shared = keys.cart_key(owner), keys.shard_keys(keys.shard_prefix(owner))
    zsets = (shared.dirty, shared.merging, shared.set_aside)
    ttl_ms, bytes_used, *moments = ask(
        [("PTTL", name), ("MEMORY", "USAGE", name), *(("ZSCORE", zset, name) for zset in zsets)]
    )
    if bytes_used is None:
        return None
    page = read(keys.shard_prefix(owner), [owner])
    unsaved, merging, aside = (None if moment is None else int(moment) for moment in moments)
    return LivingState(
        claim=page.found[0] if page.found else None,
        bytes_used=bytes_used,
        ttl_ms=ttl_ms if ttl_ms >= 0 else None,
        unsaved_since_ms=unsaved,
        merging_since_ms=merging,
        set_aside_ms=aside,
    )


def renew(owner: CartOwner) -> None:
    """Give a cart a new version, so that the next save writes it as it is."""
    shared = keys.shard_keys(keys.shard_prefix(owner))
    _run("renew", [keys.cart_key(owner), shared.dirty], ())


def erase(prefix: str, owners: Sequence[CartOwner]) -> int:
    """Take hashes away for ever, whatever they hold; return how many there were."""
    shared = keys.shard_keys(prefix)
    lists = [shared.dirty, shared.saving, shared.set_aside]
    return sum(_run("erase", [*lists, *_names(prefix, chunk)], ()) for chunk in _chunks(owners))


def put_away(owner: CartOwner, *, ttl_ms: int) -> bool:
    """Keep an unreadable hash for so long under `cart:unreadable:`, out of its copy's way.

    Return whether it was; a hash that can be read, or has changed meanwhile, is left alone.
    """
    prefix, name = keys.shard_prefix(owner), keys.cart_key(owner)
    with store_errors():
        dumped = get_client().dump(name)
    if dumped is None or not read(prefix, [owner]).unreadable:
        return False
    shared = keys.shard_keys(prefix)
    names = [name, shared.dirty, shared.set_aside, f"{prefix}cart:unreadable:{owner.key}"]
    return bool(_run("put_away", names, [dumped, ttl_ms]))


def retire(prefix: str, copies: Sequence[tuple[CartOwner, str, int]]) -> list[RetireOutcome]:
    """Take hashes away that are the same carts in the same versions as their permanent copies.

    A copy is told by its owner, id and version; the outcomes are in the same order.
    """
    unsaved = keys.shard_keys(prefix).dirty
    outcomes: list[RetireOutcome] = []
    for start in range(0, len(copies), _CARTS_PER_SCRIPT):
        chunk = copies[start : start + _CARTS_PER_SCRIPT]
        names = [unsaved, *_names(prefix, [owner for owner, _, _ in chunk])]
        args = [part for _, cart_id, version in chunk for part in (cart_id, version)]
        outcomes += [reply.decode() for reply in _run("retire", names, args)]
    return outcomes


def list_merging(prefix: str, *, begun_before: datetime) -> list[CartOwner]:
    """Return the guests whose merges were begun before this moment.

    All of them: some may wait for long, and must not hide those that came after them.
    """
    latest = begun_before.timestamp() * 1_000
    with store_errors():
        merging = get_client().zscan_iter(keys.shard_keys(prefix).merging, count=_PAGE)
        members = [member for member, began_ms in merging if began_ms < latest]
    return list(_read_page(members).owners)


def forget_merge(guest: CartOwner) -> None:
    """Forget a merge that is over: this guest's cart is not being merged."""
    with store_errors():
        get_client().zrem(keys.shard_keys(keys.shard_prefix(guest)).merging, keys.cart_key(guest))


def note_saves(prefix: str, saves: Mapping[str, int]) -> None:
    """Note how many batches of this shard have been saved, by counter; never lowers a number."""
    pairs = [part for pair in saves.items() for part in pair]
    _run("note_saves", [keys.shard_keys(prefix).saves], pairs)


def read_saves(prefix: str) -> dict[str, int]:
    """Return how many batches of this shard have been saved, by counter, as noted."""
    with store_errors():
        noted = get_client().hgetall(keys.shard_keys(prefix).saves)
    return {counter.decode(): int(saves) for counter, saves in noted.items()}


def _read_page(members: Sequence[bytes]) -> UnsavedPage:
    owners: list[CartOwner] = []
    strangers: list[bytes] = []
    for member in members:
        try:
            owners.append(keys.parse_cart_key(member.decode()))
        except ValueError:
            strangers.append(member)
    return UnsavedPage(tuple(owners), tuple(strangers))


def _decode_claim(owner: CartOwner, flat: Any) -> Claim | None:
    """Return the claim, or None for fields that are not a cart's."""
    try:
        fields = pair_fields(flat)
        known = tuple(map(int, fields.get(b"@saved", b"0").split(b",")))
        return Claim(decode_cart(owner, fields), known)
    except (KeyError, TypeError, ValueError, struct.error):
        return None


def _decode_head(owner: CartOwner, reply: Any) -> Claim | None:
    try:
        cart_id, version, saved = reply
        head = Cart(cart_id.decode(), owner, int(version), created_ms=0, updated_ms=0)
        return Claim(head, tuple(map(int, (saved or b"0").split(b","))))
    except (AttributeError, TypeError, ValueError):
        return None


def _chunks(owners: Sequence[CartOwner]) -> Iterator[Sequence[CartOwner]]:
    for start in range(0, len(owners), _CARTS_PER_SCRIPT):
        yield owners[start : start + _CARTS_PER_SCRIPT]


def _names(prefix: str, owners: Sequence[CartOwner]) -> list[str]:
    return [f"{prefix}cart:{owner.key}" for owner in owners]


def _run(verb: str, names: Sequence[str], args: Sequence[Any]) -> Any:
    with store_errors():
        return load_script(verb).run(get_client(), names, args)
