"""Comparing living carts with their permanent copies, line by line: one, some, or all in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from django.conf import settings

from carts.domain.cart import Cart, CartOwner, Line
from carts.jobs import do_page, register_job
from carts.live import bulk, roll
from carts.live.codec import LiveCart
from carts.live.keys import group_by_shard, name_openly, shard_prefixes
from carts.live.roll import DriftKind
from carts.permanent import rows
from carts.permanent.copies import read_carts
from carts.permanent.writing import judge

_VERIFY = register_job("verify_carts")
# Saving mends these, and nothing is lost by it. The others are for people to decide: one of two
# contents would go.
_MENDED_BY_SAVING: frozenset[DriftKind] = frozenset({"not saved", "not marked", "other history"})


@dataclass(frozen=True, slots=True)
class LineDrift:
    """A line as it is in the hash and in the row; None where there is none."""

    sku_id: str
    living: Line | None
    copy: Line | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between a hash and its copy that saving would not mend by itself.

    - "unreadable": the hash is not a cart's
    - "not saved": there is no copy, and the cart is not marked as unsaved
    - "not marked": the copy is older, and the cart is not marked as unsaved
    - "other history": the copy has changes that the hash has never seen
    - "differs": both have the same version, but not the same content
    """

    owner: CartOwner
    cart_id: str
    kind: DriftKind
    lines: tuple[LineDrift, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """How many living carts were compared with their copies, and the drift among them.

    `unsaved` are the owners whose carts are marked so, with a hash or without.
    """

    carts: int
    drifts: tuple[Drift, ...]
    unsaved: frozenset[CartOwner]


def verify_shard(prefix: str) -> Iterator[Verified]:
    """Compare every living cart of a shard with its copy, page by page; changes nothing.

    A cart without a hash has nothing to be compared with: its copy is the truth. Raises
    CartStoreUnavailable, OperationalError.
    """
    for owners in bulk.list_carts(prefix, page_size=settings.CART_SAVE_BATCH):
        yield verify_carts(prefix, owners)


def verify_carts(prefix: str, owners: Sequence[CartOwner]) -> Verified:
    """Compare carts of one shard with their copies, and those that seem adrift once more."""
    verified = _compare(prefix, owners)
    if not verified.drifts:
        return verified
    # A change or a save between reading hash and copy looks like drift, but only once.
    again = _compare(prefix, [drift.owner for drift in verified.drifts])
    return replace(verified, drifts=again.drifts)


def verify_in_turn() -> Iterator[bool]:
    """Compare the carts whose turn it is with their copies: all of them in CART_VERIFY_HOURS.

    1. Look again at carts that had drifted, and forget those that are mended.
    2. Go on through all hashes, page by page, from where the last run stopped. Note and count
       drift, and mark what saving mends as unsaved.

    Yields after each page whether the round is hurried, as it is after a restart of the live store,
    and after a saver met a copy newer than its cart; such a run ends only with its round. Two runs
    at once, or one that was broken off, compare some carts twice. Raises CartStoreUnavailable,
    OperationalError, InterfaceError.
    """
    for prefix in shard_prefixes():
        drifted = roll.list_drifted(prefix, limit=settings.CART_SAVE_BATCH)
        do_page(_VERIFY, drifted, partial(_look, prefix), name=name_openly)
    place = roll.find_place(period=timedelta(hours=settings.CART_VERIFY_HOURS))
    while True:
        owners, next_place = roll.take_page(place, page_size=settings.CART_SAVE_BATCH)
        for prefix, some in group_by_shard(owners).items():
            do_page(_VERIFY, some, partial(_look_and_mark, prefix), name=name_openly)
        if next_place is None:
            roll.end_round(place)
            return
        roll.keep_place(next_place)
        yield next_place.is_hurried
        if next_place.keys_left <= 0:
            return
        place = next_place


def _look_and_mark(prefix: str, owners: Sequence[CartOwner]) -> None:
    drifts = _look(prefix, owners)
    mended = [drift.owner for drift in drifts if drift.kind in _MENDED_BY_SAVING]
    if mended:
        roll.mark_unsaved(prefix, mended)


def _look(prefix: str, owners: Sequence[CartOwner]) -> Sequence[Drift]:
    """Return the drift among carts of a shard, after noting which have drifted and which not."""
    drifts = verify_carts(prefix, owners).drifts if owners else ()
    roll.note_drifts(prefix, {drift.owner: drift.kind for drift in drifts})
    roll.forget_drifts(prefix, set(owners) - {drift.owner for drift in drifts})
    return drifts


def _compare(prefix: str, owners: Sequence[CartOwner]) -> Verified:
    hashes, unsaved = bulk.read_hashes(prefix, owners)
    versions = rows.find_carts([live.cart for live in hashes.found])
    copies = read_carts([live.cart.id for live in hashes.found])
    drifts = [Drift(owner, "", "unreadable") for owner in hashes.unreadable]
    for live in hashes.found:
        cart, copy = live.cart, copies.get(live.cart.id)
        kind = _judge(live, versions.get(cart.owner, ()), copy, is_marked=cart.owner in unsaved)
        if kind is not None:
            drifts.append(Drift(cart.owner, cart.id, kind, _compare_lines(cart, copy)))
    return Verified(len(hashes.found) + len(hashes.unreadable), tuple(drifts), unsaved)


def _judge(
    live: LiveCart, versions: Sequence[rows.CopyVersion], copy: Cart | None, *, is_marked: bool
) -> DriftKind | None:
    match judge(live, versions):
        case "drift":
            return "other history"
        case "older" if not is_marked:
            return "not saved" if copy is None else "not marked"
        case "same" if copy is not None and copy != live.cart:
            return "differs"
    return None


def _compare_lines(living: Cart, copy: Cart | None) -> tuple[LineDrift, ...]:
    known = {line.sku_id: line for line in copy.lines} if copy is not None else {}
    ours = {line.sku_id: line for line in living.lines}
    return tuple(
        LineDrift(sku_id, ours.get(sku_id), known.get(sku_id))
        for sku_id in sorted(ours.keys() | known.keys())
        if ours.get(sku_id) != known.get(sku_id)
    )
