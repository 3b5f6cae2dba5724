"""From the live carts to their permanent copy: the one way, whoever asks for it.

A batch of carts is saved so:

1. Read the hashes, noting in each that its version is going to be saved.
2. In one transaction, lock the rows of these carts and of their owners' active ones, in id order.
3. Leave out carts whose row is the same already, and set those apart whose row is newer, and in
   step 4 those that another save has just inserted.
4. Insert and update the carts, end those whose owners have begun their next one, and write the
   lines that differ.
5. Take the unsaved marks off where the version has not moved since step 1.
6. Unite the carts set apart with their rows, if those are of another history, and save them.

A crash after any step is made good by the next run: step 4 is done as a whole or not at all, and
the rest may be repeated. Two runs at once, and changes meanwhile, do no harm.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
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
from carts.permanent.erasing import erase_orphans, find_orphans
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
    gone. `united` came from an older file than their rows. `set_aside` cannot be saved until they
    change. `postponed` changed under the save, and are still unsaved.
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

    None without a hash, and where the cart cannot be saved or keeps changing. `source` says in the
    log who asked for it. Raises CartStoreUnavailable, OperationalError; the cart is as unsaved as
    before then.
    """
    batch = _save_batch(shard_prefix(owner), [owner], PriceList())
    _log(logging.DEBUG, source, batch.result)
    return batch.saved.get(owner)


def save_unsaved(*, prefix: str, source: str) -> Iterator[SaveResult]:
    """Save every unsaved cart of a shard, named by its key prefix; yield the result per batch.

    Holds CART_SAVE_BATCH carts in memory. Raises as `save_cart`.
    """
    pages = bulk.list_unsaved(prefix, page_size=settings.CART_SAVE_BATCH)
    for result, _ in _save_pages(prefix, pages, source):
        yield result


def save_oldest(*, prefix: str, source: str) -> Iterator[timedelta]:
    """Save a shard's unsaved carts beside others who do the same, the oldest change first.

    Each takes carts that no other has taken. Yields after each batch how old its oldest change
    was. As `save_unsaved` else, but leaves to the next run what another saver had taken and not
    saved.
    """
    pages = bulk.take_unsaved(prefix, page_size=settings.CART_SAVE_BATCH)
    for _, page in _save_pages(prefix, pages, source):
        yield page.age


@dataclass(frozen=True, slots=True)
class _Batch:
    """What became of a batch, and the carts of it as they are saved now."""

    result: SaveResult
    saved: Mapping[CartOwner, Cart]

    def __add__(self, other: "_Batch") -> "_Batch":
        return _Batch(self.result + other.result, {**self.saved, **other.saved})


def _save_pages(
    prefix: str, pages: Iterator[UnsavedPage], source: str
) -> Iterator[tuple[SaveResult, UnsavedPage]]:
    """Save page by page; yield each result with its page."""
    prices, total = PriceList(), SaveResult()
    try:
        for page in pages:
            result = _set_aside(prefix, page.strangers)
            try:
                result += _save_batch(prefix, page.owners, prices).result
            except (OperationalError, InterfaceError):
                # The next saver may find the database back long before this one's time is over.
                bulk.give_back(prefix, page.owners)
                raise
            total += result
            yield result, page
    finally:
        _log(logging.INFO, source, total)


def _save_batch(prefix: str, owners: Sequence[CartOwner], prices: PriceList) -> _Batch:
    batch, overtaken = _save_as_read(prefix, owners, prices)
    return batch + _unite_and_save(prefix, overtaken, prices) if overtaken else batch


def _unite_and_save(prefix: str, overtaken: Sequence[CartOwner], prices: PriceList) -> _Batch:
    united = do_each(_UNITE, overtaken, reconcile, name=name_openly)
    if united:
        # Redis may have been restored from an older file: carts that nobody touches are then
        # older than their copies as well, and no change leads a saver to them.
        roll.call_for_haste()
    batch, remaining = _save_as_read(prefix, overtaken, prices)
    return batch + _Batch(SaveResult(united=united, postponed=len(remaining)), {})


def _save_as_read(
    prefix: str, owners: Sequence[CartOwner], prices: PriceList
) -> tuple[_Batch, list[CartOwner]]:
    """Return what became of the carts, and the owners whose rows are newer than what was read,
    or were made by another first save at the same time.
    """
    hashes = bulk.read_to_save(prefix, owners)
    copies, unsavable = _make_copies(hashes.found, prices)
    written = _write(copies)
    versions = {owner: cart.version for owner, cart in written.saved.items()}
    bulk.confirm(prefix, versions)
    orphans = find_orphans([*written.left_out, *written.refused])
    beaten = [owner for owner in written.left_out if owner not in orphans]
    refused = [owner for owner in written.refused if owner not in orphans]
    aside = [*hashes.unreadable, *unsavable, *refused]
    result = SaveResult(
        saved=written.count,
        unchanged=len(written.saved) - written.count,
        vanished=len(hashes.vanished) + erase_orphans(orphans),
    )
    result += _set_aside(prefix, [cart_key(owner) for owner in aside])
    return _Batch(result, written.saved), [*written.drifted, *beaten]


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
