"""Comparing living carts with their permanent copies, line by line, and mending what differs."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from django.conf import settings

from carts.domain.cart import Cart, CartOwner, Line
from carts.live import bulk, care
from carts.live.codec import LiveCart
from carts.live.keys import shard_prefix
from carts.permanent import rows
from carts.permanent.copies import read_carts, read_copy
from carts.permanent.reconciling import reconcile
from carts.permanent.restoring import restore_cart
from carts.permanent.saving import save_cart
from carts.permanent.writing import judge

logger = logging.getLogger(__name__)

DriftKind = Literal["unreadable", "not saved", "not marked", "other history", "differs"]


@dataclass(frozen=True, slots=True)
class LineDrift:
    """A line as it is in the hash and in the row; None where there is none."""

    sku_id: str
    living: Line | None
    copy: Line | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A living cart and its copy that are not what they should be to each other.

    - "unreadable": the hash is not a cart's
    - "not saved": there is no copy, and nothing says that one has to be made
    - "not marked": the copy is older, and nothing says that it has to be written
    - "other history": the copy knows of changes that the hash has never seen
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
    """Compare carts of one shard with their copies. What seems to differ is looked at twice."""
    verified = _compare(prefix, owners)
    if not verified.drifts:
        return verified
    # A change or a save between the two reads looks like drift; it does so only once.
    again = _compare(prefix, [drift.owner for drift in verified.drifts])
    return replace(verified, drifts=again.drifts)


def repair(drift: Drift) -> bool:
    """Mend a drift in the right direction, and tell whether it is mended now.

    The hash is the truth, unless its copy is of another history: then both are united. One that
    cannot be read makes way for its copy, and is kept for CART_TTL_DAYS; without a copy that may
    come back it stays.
    """
    if drift.kind == "unreadable":
        _replace_unreadable(drift.owner)
        return not verify_carts(shard_prefix(drift.owner), [drift.owner]).drifts
    if drift.kind == "other history":
        reconcile(drift.owner)
    elif drift.kind == "differs":
        care.renew(drift.owner)
    save_cart(owner=drift.owner, source="repair")
    return not verify_carts(shard_prefix(drift.owner), [drift.owner]).drifts


def _replace_unreadable(owner: CartOwner) -> None:
    copy = read_copy(owner)
    if copy is None or not copy.may_return:
        return
    ttl = timedelta(days=settings.CART_TTL_DAYS)
    if care.put_away(owner, ttl_ms=ttl // timedelta(milliseconds=1)):
        logger.warning(
            "the hash of cart %s was unreadable, and made way for its copy", copy.cart.id
        )
        restore_cart(owner)


def _compare(prefix: str, owners: Sequence[CartOwner]) -> Verified:
    hashes, unsaved = bulk.read_hashes(prefix, owners)
    stored = rows.find_carts([live.cart for live in hashes.found])
    copies = read_carts([live.cart.id for live in hashes.found])
    drifts = [Drift(owner, "", "unreadable") for owner in hashes.unreadable]
    for live in hashes.found:
        cart = live.cart
        is_marked = cart.owner in unsaved
        kind = _judge(live, stored.get(cart.owner, ()), copies.get(cart.id), is_marked=is_marked)
        if kind is not None:
            copy = copies.get(cart.id)
            drifts.append(Drift(cart.owner, cart.id, kind, _compare_lines(cart, copy)))
    return Verified(len(hashes.found) + len(hashes.unreadable), tuple(drifts), unsaved)


def _judge(
    live: LiveCart, stored: Sequence[rows.StoredCart], copy: Cart | None, *, is_marked: bool
) -> DriftKind | None:
    match judge(live, stored):
        case "stray":
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
