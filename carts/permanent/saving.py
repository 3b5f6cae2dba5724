"""Saving: from the hashes to their copies, whoever asks for it.

A batch of carts of one shard is saved so:

1. Read the hashes, and note in each which version is about to be saved.
2. In one transaction, lock the copies of these carts and of their owners' active ones, in id order.
3. Pass over carts whose copies are the same already. Keep those for step 6 whose copies are newer
   or of another history, and those whose copy another save inserts first, in step 4.
4. Insert and update copies, end those whose owners have begun their next cart, and write the lines
   that differ.
5. Take the unsaved marks off where the version has not moved since step 1.
6. Unite the carts that were kept with their copies, where these are of another history, and save
   them again.

The next run makes good whatever a crash left undone: step 4 happens as a whole or not at all, and
the rest may be repeated. Two runs at once, and changes meanwhile, do no harm.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DataError, IntegrityError, InterfaceError, OperationalError

from carts.domain.cart import Cart, CartOwner
from carts.jobs import do_each, register_job
from carts.live import bulk, roll
from carts.live.bulk import UnsavedPage
from carts.live.codec import LiveCart
from carts.live.keys import cart_key, name_openly, parse_cart_key, shard_prefix
from carts.permanent.erasing import erase_orphans
from carts.permanent.mapping import UnsavableCart
from carts.permanent.reconciling import reconcile
from carts.permanent.writing import NewCopy, PriceList, WriteResult, make_copy, write_copies
from config.hashing import hash_secret

logger = logging.getLogger(__name__)

_MAX_NAMED = 10
_UNITE = register_job("unite_carts")


@dataclass(frozen=True, slots=True)
class SaveResult:
    """How many carts were written, and what became of the others.

    `unchanged` were saved already. `vanished` have no hash any more, some because their users are
    gone. `united` were of another history than their copies. `set_aside` cannot be saved until they
    change. `postponed` changed during the save, and are still unsaved.
    """

    saved: int = 0
    unchanged: int = 0
    vanished: int = 0
    united: int = 0
    set_aside: int = 0
    postponed: int = 0

    def __add__(self, other: "SaveResult") -> "SaveResult":
        return SaveResult(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def save_cart(*, owner: CartOwner, source: str) -> Cart | None:
    """Save one cart, unsaved or not, and return it as it is saved now.

    Return None without a hash, and where the cart cannot be saved or keeps changing. `source` tells
    the log who asked. Raises CartStoreUnavailable, OperationalError; then the cart stays unsaved if
    it was.
    """
    result, saved = _save_batch(shard_prefix(owner), [owner], PriceList())
    _log(logging.DEBUG, source, result)
    return saved.get(owner)


def save_unsaved(*, prefix: str, source: str) -> Iterator[SaveResult]:
    """Save every unsaved cart of a shard; yield the result of each batch.

    Holds CART_SAVE_BATCH carts in memory. Raises what `save_cart` raises.
    """
    pages = bulk.list_unsaved(prefix, page_size=settings.CART_SAVE_BATCH)
    for result, _ in _save_pages(prefix, pages, source):
        yield result


def save_oldest(*, prefix: str, source: str) -> Iterator[timedelta]:
    """Save a shard's unsaved carts, the oldest change first; yield the age of each batch's oldest.

    Savers that run at once take different carts; what one has taken and not saved is left to the
    next run. Memory and errors are those of `save_unsaved`.
    """
    pages = bulk.take_unsaved(prefix, page_size=settings.CART_SAVE_BATCH)
    for _, page in _save_pages(prefix, pages, source):
        yield page.age


def _save_pages(
    prefix: str, pages: Iterator[UnsavedPage], source: str
) -> Iterator[tuple[SaveResult, UnsavedPage]]:
    """Save page by page; yield each result with its page."""
    prices, total = PriceList(), SaveResult()
    try:
        for page in pages:
            result = _set_aside(prefix, page.strangers)
            try:
                result += _save_batch(prefix, page.owners, prices)[0]
            except (OperationalError, InterfaceError):
                # The next saver may find the database back long before this one's time is over.
                bulk.give_back(prefix, page.owners)
                raise
            total += result
            yield result, page
    finally:
        _log(logging.INFO, source, total)


def _save_batch(
    prefix: str, owners: Sequence[CartOwner], prices: PriceList
) -> tuple[SaveResult, dict[CartOwner, Cart]]:
    """Return what became of the carts, and those that are saved, as they are saved now."""
    result, saved, overtaken = _save_as_read(prefix, owners, prices)
    if not overtaken:
        return result, saved
    united = do_each(_UNITE, overtaken, reconcile, name=name_openly)
    if united:
        # Redis may have been restored from an older file: carts that nobody touches are then
        # older than their copies as well, and no change leads a saver to them.
        roll.call_for_haste()
    again, saved_again, remaining = _save_as_read(prefix, overtaken, prices)
    result += again + SaveResult(united=united, postponed=len(remaining))
    return result, saved | saved_again


def _save_as_read(
    prefix: str, owners: Sequence[CartOwner], prices: PriceList
) -> tuple[SaveResult, dict[CartOwner, Cart], list[CartOwner]]:
    """Return what became of the carts, those that are saved, and the owners of those overtaken.

    The copies of carts overtaken are newer than what was read, or were made by another save.
    """
    hashes = bulk.read_to_save(prefix, owners)
    copies, unsavable = _make_copies(hashes.found, prices)
    written = _write(copies)
    bulk.confirm(prefix, {owner: cart.version for owner, cart in written.saved.items()})
    erased = erase_orphans([*written.left_out, *written.refused])
    refused = [owner for owner in written.refused if owner not in erased]
    result = SaveResult(
        saved=written.count,
        unchanged=len(written.saved) - written.count,
        vanished=len(hashes.vanished) + len(erased),
    )
    aside = [cart_key(owner) for owner in (*hashes.unreadable, *unsavable, *refused)]
    result += _set_aside(prefix, aside)
    beaten = [owner for owner in written.left_out if owner not in erased]
    return result, written.saved, [*written.drifted, *beaten]


def _make_copies(
    carts: Sequence[LiveCart], prices: PriceList
) -> tuple[list[NewCopy], list[CartOwner]]:
    """Return the copies of carts, and the owners of those that no row can hold."""
    terms = prices.read_terms(carts)
    copies, unsavable = [], []
    for live in carts:
        try:
            copies.append(make_copy(live, terms))
        except UnsavableCart:
            unsavable.append(live.cart.owner)
    return copies, unsavable


def _write(copies: Sequence[NewCopy]) -> WriteResult:
    """Write a batch; where the database refuses it, cart by cart, to find the one it means."""
    result = WriteResult()
    if not copies:
        return result
    try:
        return write_copies(copies)
    except (IntegrityError, DataError):
        if len(copies) == 1:
            return WriteResult(refused=[copies[0].owner])
    for copy in copies:
        result.include(_write([copy]))
    return result


def _set_aside(prefix: str, members: Sequence[str | bytes]) -> SaveResult:
    if members:
        named = ", ".join(map(_name_member, members[:_MAX_NAMED]))
        logger.error("%d carts cannot be saved, and are set aside: %s", len(members), named)
        bulk.set_aside(prefix, members)
    return SaveResult(set_aside=len(members))


def _name_member(member: str | bytes) -> str:
    """Name a cart for the log; a guest's id, and what names no cart, is hashed."""
    text = member if isinstance(member, str) else member.decode(errors="backslashreplace")
    try:
        owner = parse_cart_key(text)
    except ValueError:
        return f"#{hash_secret(text)}"
    return name_openly(owner)


def _log(level: int, source: str, result: SaveResult) -> None:
    if result != SaveResult():
        logger.log(level, "carts saved (%s): %s", source, result)
