"""Many live carts at once, as saving, sweeping and operators' commands need them.

A shard is named by its key prefix; all carts of one call belong to the same shard.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from carts.domain.cart import CartOwner
from carts.domain.errors import CartUnreadable
from carts.live import keys
from carts.live.codec import LiveCart, parse_live_cart, parse_units
from carts.live.connection import ask, get_client, run_script, store_errors
from config.stores.redis import take_value

RetireOutcome = Literal["done", "absent", "kept"]

# A script holds up everybody else for about 15 microseconds a cart of five lines.
_CARTS_PER_SCRIPT = 20
_PAGE = 1_000
# A batch usually takes a tenth of this. One that takes longer is saved twice, which does no harm.
_LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Hashes:
    """The carts that were asked for; each stands in one of the three fields."""

    found: tuple[LiveCart, ...]
    vanished: tuple[CartOwner, ...]
    unreadable: tuple[CartOwner, ...]


@dataclass(frozen=True, slots=True)
class UnsavedPage:
    """Owners of unsaved carts, and members of the list that name no cart.

    `age` is how long the oldest cart of a taken page has been unsaved; other pages have none.
    """

    owners: tuple[CartOwner, ...]
    strangers: tuple[bytes, ...]
    age: timedelta = timedelta()


def take_unsaved(prefix: str, *, page_size: int) -> Iterator[UnsavedPage]:
    """Take the carts that have been unsaved for longest, in pages, the oldest first.

    No other saver takes them until they are saved or set aside, or ten seconds pass. Ends with a
    page that is not full: carts that are unsaved then are younger, or another saver's.
    """
    shared, lease_ms = keys.shard_keys(prefix), _LEASE // timedelta(milliseconds=1)
    while True:
        names = [shared.unsaved, shared.saving]
        age_ms, members = run_script("take_unsaved", names, [page_size, lease_ms])
        if members:
            yield read_page(members, age=timedelta(milliseconds=int(age_ms)))
        if len(members) < page_size:
            return


def give_back(prefix: str, owners: Collection[CartOwner]) -> None:
    """Let any saver take these carts of a shard again."""
    if owners:
        ask([("ZREM", keys.shard_keys(prefix).saving, *map(keys.cart_key, owners))])


def read_unsaved_age(prefix: str) -> timedelta:
    """Return how long the oldest unsaved change of a shard has been waiting."""
    unsaved = keys.shard_keys(prefix).unsaved
    (seconds, microseconds), oldest = map(
        take_value, ask([("TIME",), ("ZRANGE", unsaved, 0, 0, "WITHSCORES")])
    )
    if not oldest:
        return timedelta()
    now = timedelta(seconds=int(seconds), microseconds=int(microseconds))
    return max(now - timedelta(milliseconds=float(oldest[1])), timedelta())


def list_unsaved(prefix: str, *, page_size: int) -> Iterator[UnsavedPage]:
    """List the carts that stay unsaved until the listing ends, in pages of `page_size`.

    Carts that become unsaved or saved meanwhile may be listed or not.
    """
    unsaved, cursor = keys.shard_keys(prefix).unsaved, 0
    named: list[bytes] = []
    while True:
        with store_errors():
            cursor, members = get_client().zscan(unsaved, cursor, count=page_size)
        # A scan may return a member twice, and more or fewer members than asked for.
        named = list(dict.fromkeys([*named, *(member for member, _ in members)]))
        while len(named) >= page_size or (named and cursor == 0):
            yield read_page(named[:page_size])
            named = named[page_size:]
        if cursor == 0:
            return


def read_newest_unsaved(prefix: str, *, count: int) -> tuple[CartOwner, ...]:
    """Return the owners of the carts of a shard that became unsaved last, the newest first."""
    with store_errors():
        members = get_client().zrevrange(keys.shard_keys(prefix).unsaved, 0, count - 1)
    return read_page(members).owners


def find_units(owners: Sequence[CartOwner], sku_id: str) -> dict[CartOwner, int | None]:
    """Return how many units of a SKU these carts hold, None for a cart without a line of it.

    The carts may be of any shards. Owners without a hash of a cart are left out. One round trip.
    """
    if not owners:
        return {}
    replies = ask([("HMGET", name, "@id", sku_id) for name in _names(owners)])
    return {
        owner: _parse_units(reply[1])
        for owner, reply in zip(owners, replies, strict=True)
        if isinstance(reply, list) and reply[0] is not None
    }


def list_carts(prefix: str, *, page_size: int) -> Iterator[list[CartOwner]]:
    """List the owners of all hashes that stay until the listing ends, in pages."""
    for owners in _scan_all(keys.match_carts(prefix), page_size):
        for start in range(0, len(owners), page_size):
            yield owners[start : start + page_size]


def list_users(*, page_size: int) -> Iterator[list[CartOwner]]:
    """List the users of all shards whose hashes stay until the listing ends, in pages."""
    for owners in _scan_all(keys.match_users(), page_size):
        if users := [owner for owner in owners if not owner.is_guest]:
            yield users


def scan_carts(cursor: int, *, pattern: str, page_size: int) -> tuple[int, list[CartOwner]]:
    """Return about `page_size` owners of hashes, and the next cursor; 0 begins and ends a scan.

    A scan finds every hash that stays until it ends, some perhaps twice.
    """
    with store_errors():
        cursor, names = get_client().scan(cursor, match=pattern, count=page_size)
    return cursor, list(dict.fromkeys(read_page(names).owners))


def read_to_save(prefix: str, owners: Sequence[CartOwner]) -> Hashes:
    """Read carts to save them, noting in each the version that is going to be saved.

    Carts without a hash leave the list of unsaved carts.
    """
    unsaved = keys.shard_keys(prefix).unsaved
    replies: list[Any] = []
    for chunk in _chunks(owners):
        replies += run_script("read_to_save", [unsaved, *_names(chunk)], ())
    return _sort_hashes(owners, replies)


def confirm(prefix: str, versions: Mapping[CartOwner, int]) -> None:
    """Note the versions that are saved now; a cart that still has its version is not unsaved."""
    shared = keys.shard_keys(prefix)
    for chunk in _chunks(list(versions)):
        names = [shared.unsaved, shared.saving, shared.set_aside, shared.counters]
        names += _names(chunk)
        run_script("confirm", names, [versions[owner] for owner in chunk])


def set_aside(prefix: str, members: Sequence[str | bytes]) -> None:
    """Take what cannot be saved off the list of unsaved carts; its next change brings it back."""
    shared = keys.shard_keys(prefix)
    names = [shared.unsaved, shared.saving, shared.set_aside, shared.counters]
    run_script("set_aside", names, members)


def forget_vanished(prefix: str) -> None:
    """Take carts off the list of those set aside when their hashes are gone."""
    aside = keys.shard_keys(prefix).set_aside
    with store_errors():
        members = [member for member, _ in get_client().zscan_iter(aside, count=_PAGE)]
    for chunk in _chunks(read_page(members).owners):
        run_script("forget_vanished", [aside, *_names(chunk)], ())


def read_hashes(prefix: str, owners: Sequence[CartOwner]) -> tuple[Hashes, frozenset[CartOwner]]:
    """Read carts without noting anything; return also which owners' carts are marked unsaved."""
    if not owners:
        return Hashes((), (), ()), frozenset()
    names = _names(owners)
    scoring = ("ZMSCORE", keys.shard_keys(prefix).unsaved, *names)
    scores, *replies = ask([scoring, *(("HGETALL", name) for name in names)])
    marked = zip(owners, scores, strict=True)
    unsaved = frozenset(owner for owner, score in marked if score is not None)
    return _sort_hashes(owners, replies), unsaved


def erase(prefix: str, owners: Sequence[CartOwner]) -> int:
    """Take hashes away for ever, whatever they hold; return how many there were."""
    shared = keys.shard_keys(prefix)
    lists = [shared.unsaved, shared.saving, shared.set_aside]
    return sum(run_script("erase", [*lists, *_names(chunk)], ()) for chunk in _chunks(owners))


def retire(prefix: str, copies: Sequence[tuple[CartOwner, str, int]]) -> list[RetireOutcome]:
    """Take away the hashes that have the ids and versions of their permanent copies.

    Each copy is given as owner, id and version; the outcomes are in the same order.
    """
    unsaved = keys.shard_keys(prefix).unsaved
    outcomes: list[RetireOutcome] = []
    for start in range(0, len(copies), _CARTS_PER_SCRIPT):
        chunk = copies[start : start + _CARTS_PER_SCRIPT]
        names = [unsaved, *_names([owner for owner, _, _ in chunk])]
        args = [part for _, cart_id, version in chunk for part in (cart_id, version)]
        outcomes += [reply.decode() for reply in run_script("retire", names, args)]
    return outcomes


def list_merging(prefix: str, *, begun_before: datetime) -> list[CartOwner]:
    """Return the guests whose merges were begun before this moment.

    All are returned: a merge that waits for long must not hide those that began after it.
    """
    latest = begun_before.timestamp() * 1_000
    with store_errors():
        merging = get_client().zscan_iter(keys.shard_keys(prefix).merging, count=_PAGE)
        members = [member for member, began_ms in merging if began_ms < latest]
    return list(read_page(members).owners)


def read_page(members: Sequence[bytes], *, age: timedelta = timedelta()) -> UnsavedPage:
    """Return the owners that members of a list name, and the members that name no cart."""
    owners: list[CartOwner] = []
    strangers: list[bytes] = []
    for member in members:
        try:
            owners.append(keys.parse_cart_key(member.decode()))
        except ValueError:
            strangers.append(member)
    return UnsavedPage(tuple(owners), tuple(strangers), age)


def _scan_all(pattern: str, page_size: int) -> Iterator[list[CartOwner]]:
    cursor = 0
    while True:
        cursor, owners = scan_carts(cursor, pattern=pattern, page_size=page_size)
        yield owners
        if cursor == 0:
            return


def _sort_hashes(owners: Sequence[CartOwner], replies: Sequence[Any]) -> Hashes:
    found: list[LiveCart] = []
    vanished: list[CartOwner] = []
    unreadable: list[CartOwner] = []
    for owner, reply in zip(owners, replies, strict=True):
        try:
            live = parse_live_cart(owner, reply)
        except CartUnreadable:
            unreadable.append(owner)
        else:
            if live is None:
                vanished.append(owner)
            else:
                found.append(live)
    return Hashes(tuple(found), tuple(vanished), tuple(unreadable))


def _parse_units(value: bytes | None) -> int | None:
    try:
        return None if value is None else parse_units(value)
    except CartUnreadable:
        return None


def _chunks(owners: Sequence[CartOwner]) -> Iterator[Sequence[CartOwner]]:
    for start in range(0, len(owners), _CARTS_PER_SCRIPT):
        yield owners[start : start + _CARTS_PER_SCRIPT]


def _names(owners: Sequence[CartOwner]) -> list[str]:
    return [keys.cart_key(owner) for owner in owners]
