"""What buyers compete for: stock, and the units one buyer may have of a limited SKU.

Every change happens under the locks of the SKU rows, taken in id order, so that changes of the
same SKU queue up instead of overtaking or deadlocking each other. A buyer is "user:<id>" or
"guest:<id>"; a guest is also known as "contact:<hash>", whatever the guest id. Purchases are
tallied whether or not the SKU has a limit: a limit that is set later counts them, too, and giving
back never depends on what the limit was at the time of the purchase.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from config.stores.database import in_transaction, lock_rows
from products.bounds import MAX_STOCK
from products.catalogue import read_offers
from products.errors import AllowanceTooLow, StockMoved, StockTooHigh, StockTooLow
from products.models import PurchaseTally, Sku, StockChange, StockReason
from products.offers import Offer

_SKUS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a stock changes other than by a sale, and by whom.

    `actor` is "staff:<user id>", "key:<name>" of a service key, or "command".
    """

    reason: StockReason
    note: str
    actor: str


class StockStep(NamedTuple):
    """A SKU's stock before a change and after it."""

    sku_id: str
    before: int
    after: int


def hold_offers(
    *, sku_ids: Collection[str], buyer: str, also: Sequence[str] = ()
) -> dict[str, Offer]:
    """Lock SKUs and return their offers, which stay as they are until the transaction ends.

    `bought` is the most that is tallied under any name that the buyer is known by (`also`). Costs
    two queries, and one more for further names. Must run in a transaction. Whoever changes a SKU
    waits until the transaction ends. So does whoever changes its product or renames its merchant,
    because triggers then write to the SKU.
    """
    _lock_skus(sku_ids)
    # A query after the lock's: a query that waits for the locks itself would see older tallies.
    offers = read_offers(sku_ids=sku_ids, buyer=buyer)
    return _count_other_names(offers, also) if also else offers


def take(
    *, offers: Mapping[str, Offer], units: Mapping[str, int], buyer: str, also: Sequence[str] = ()
) -> None:
    """Take units of SKUs (at least 1 each) out of stock for the buyer: all of them, or none.

    For a SKU whose stock is not tracked, the units are only tallied.

    `offers` are those that `hold_offers` holds for the same buyer in this transaction. The units
    are tallied under each other name of the buyer (`also`), too. Costs two queries whatever the
    number of SKUs. Raises StockTooLow or AllowanceTooLow for the first SKU, in id order, that falls
    short; then nothing has changed.
    """
    _require_positive(units)
    for sku_id in sorted(units):
        _require_enough(sku_id, offers.get(sku_id), units[sku_id])
    _take_from_stock({sku_id: units[sku_id] for sku_id in units if _is_tracked(offers[sku_id])})
    _add_to_tallies([buyer, *also], units)


def give_back(
    *,
    buyer: str,
    units: Mapping[str, int],
    also: Sequence[str] = (),
    untracked: Collection[str] = (),
) -> None:
    """Undo a `take` of the same buyer, wholly or in part: stock returns, and so does allowance.

    `untracked` are the SKUs whose stock was not tracked when they were taken.

    Costs four queries. Must run in the transaction that makes sure that it happens once, such as
    the one that cancels the order. Raises ValueError, with nothing changed, if the buyer has not
    taken that much.
    """
    _require_positive(units)
    _lock_skus(units)
    buyers = [buyer, *also]
    taken = _read_tallies(buyers, units)
    for sku_id, returned in units.items():
        least = min(taken.get((name, sku_id), 0) for name in buyers)
        if least < returned:
            raise ValueError(f"cannot give back {returned} of {sku_id}: only {least} were taken")
    _add_to_stock({sku_id: units[sku_id] for sku_id in units if sku_id not in untracked})
    _take_from_tallies(buyers, units)


def hand_over(*, giver: str, taker: str, units: Mapping[str, int]) -> None:
    """Count units that the giver has taken as the taker's from now on, added to the taker's own.

    The sum may be over a limit: then the taker can buy no more. Costs four queries. Must run in
    the transaction that makes sure that it happens once.
    """
    _lock_skus(units)
    taken = _read_tallies([giver], units)
    moved = {sku_id: min(count, taken.get((giver, sku_id), 0)) for sku_id, count in units.items()}
    _take_from_tallies([giver], moved)
    _add_to_tallies([taker], moved)


@in_transaction
def adjust(*, sku_id: str, units: int, cause: Cause, now: datetime) -> StockChange:
    """Add units to a SKU's stock, or take them out where negative, and keep a record of it.

    Raises Sku.DoesNotExist, StockTooLow where fewer are left, and StockTooHigh above MAX_STOCK;
    nothing has changed then.
    """
    stock = _lock_stock(sku_id)
    if stock + units < 0:
        raise StockTooLow(sku_id=sku_id, available=stock, requested=-units)
    if units > 0:
        _require_room(stock + units)
    return _record(sku_id, before=stock, after=stock + units, cause=cause, now=now)


@in_transaction
def recount(
    *, sku_id: str, counted: int, expected: int, cause: Cause, now: datetime
) -> StockChange:
    """Set a SKU's stock to what was counted (0 to MAX_STOCK) while it was as expected.

    Raises Sku.DoesNotExist, StockTooHigh, and StockMoved where units have been sold or added
    since: the count would undo that. Nothing has changed then.
    """
    _require_room(counted)
    stock = _lock_stock(sku_id)
    if stock != expected:
        raise StockMoved(expected=expected, available=stock)
    return _record(sku_id, before=stock, after=counted, cause=cause, now=now)


def set_stocks(
    levels: Sequence[tuple[str, int]], *, cause: Cause, now: datetime
) -> list[tuple[int, int] | Exception]:
    """Set the stocks of SKUs by code, each 0 to MAX_STOCK, and return what each was and is.

    Where a stock could not be set, its exception is returned: Sku.DoesNotExist, StockTooLow or
    StockTooHigh. Entries for one SKU count one after the other. Many are set in several
    transactions, each of which locks its SKUs in the order of checkouts, and costs three queries.
    """
    return _change_stocks(levels, lambda stock, level: level, cause, now)


def add_stocks(
    deltas: Sequence[tuple[str, int]], *, cause: Cause, now: datetime
) -> list[tuple[int, int] | Exception]:
    """Add units to the stocks of SKUs by code, or take them out where negative, as `set_stocks`."""
    return _change_stocks(deltas, lambda stock, units: stock + units, cause, now)


def record_changes(steps: Iterable[StockStep], *, cause: Cause, now: datetime) -> None:
    """Keep a record of each change of a stock; one query. Must run in its transaction."""
    StockChange.objects.bulk_create(
        StockChange(
            sku_id=step.sku_id,
            before=step.before,
            after=step.after,
            reason=cause.reason,
            note=cause.note,
            actor=cause.actor,
            at=now,
        )
        for step in steps
    )


def _change_stocks(
    entries: Sequence[tuple[str, int]],
    step: Callable[[int, int], int],
    cause: Cause,
    now: datetime,
) -> list[tuple[int, int] | Exception]:
    outcomes: list[tuple[int, int] | Exception] = []
    for start in range(0, len(entries), _SKUS_AT_ONCE):
        outcomes += _change_some(entries[start : start + _SKUS_AT_ONCE], step, cause, now)
    return outcomes


@in_transaction
def _change_some(
    entries: Sequence[tuple[str, int]],
    step: Callable[[int, int], int],
    cause: Cause,
    now: datetime,
) -> list[tuple[int, int] | Exception]:
    skus = Sku.objects.filter(code__in=[code for code, _ in entries], is_deleted=False)
    held = skus.select_for_update(no_key=True).order_by("pk").values_list("code", "pk", "stock")
    found = {code: (sku_id, stock) for code, sku_id, stock in held}
    outcomes: list[tuple[int, int] | Exception] = []
    steps = []
    for code, value in entries:
        if code not in found:
            outcomes.append(Sku.DoesNotExist(code))
            continue
        sku_id, before = found[code]
        after = step(before, value)
        if not 0 <= after <= MAX_STOCK:
            outcomes.append(_out_of_bounds(sku_id, before, after))
            continue
        found[code] = (sku_id, after)
        outcomes.append((before, after))
        if after != before:
            steps.append(StockStep(sku_id, before, after))
    moved = Counter[str]()
    for each in steps:
        moved[each.sku_id] += each.after - each.before
    _add_to_stock(moved)
    record_changes(steps, cause=cause, now=now)
    return outcomes


def _out_of_bounds(sku_id: str, before: int, after: int) -> Exception:
    if after < 0:
        return StockTooLow(sku_id=sku_id, available=before, requested=before - after)
    return StockTooHigh(most=MAX_STOCK)


def _require_room(stock: int) -> None:
    if stock > MAX_STOCK:
        raise StockTooHigh(most=MAX_STOCK)


def _lock_stock(sku_id: str) -> int:
    locked = Sku.objects.select_for_update(no_key=True).values_list("stock", flat=True)
    return locked.get(pk=sku_id)


def _record(sku_id: str, *, before: int, after: int, cause: Cause, now: datetime) -> StockChange:
    Sku.objects.filter(pk=sku_id).update(stock=after)
    return StockChange.objects.create(
        sku_id=sku_id,
        before=before,
        after=after,
        reason=cause.reason,
        note=cause.note,
        actor=cause.actor,
        at=now,
    )


def _require_positive(units: Mapping[str, int]) -> None:
    if not units or min(units.values()) < 1:
        raise ValueError(f"units must be at least 1 of each SKU: {dict(units)}")


def _lock_skus(sku_ids: Collection[str]) -> None:
    lock_rows(Sku.objects.filter(id__in=list(sku_ids)))


def _count_other_names(offers: Mapping[str, Offer], buyers: Sequence[str]) -> dict[str, Offer]:
    """Return the offers with the most that is tallied under these names, too."""
    limited = [sku_id for sku_id, offer in offers.items() if offer.purchase_limit is not None]
    tallies = PurchaseTally.objects.filter(buyer__in=buyers, sku__in=limited)
    most = dict(tallies.order_by("units").values_list("sku_id", "units"))
    return {
        sku_id: offer._replace(bought=max(offer.bought, most.get(sku_id, 0)))
        for sku_id, offer in offers.items()
    }


def _read_tallies(buyers: Sequence[str], units: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Return the units that are tallied by buyer and SKU id."""
    tallies = PurchaseTally.objects.filter(buyer__in=buyers, sku__in=list(units))
    return {(row.buyer, row.sku_id): row.units for row in tallies}


def _require_enough(sku_id: str, offer: Offer | None, requested: int) -> None:
    if offer is None or (offer.stock is not None and requested > offer.stock):
        available = 0 if offer is None or offer.stock is None else offer.stock
        raise StockTooLow(sku_id=sku_id, available=available, requested=requested)
    limit, bought = offer.purchase_limit, offer.bought
    if limit is not None and bought + requested > limit:
        raise AllowanceTooLow(sku_id=sku_id, limit=limit, bought=bought, requested=requested)


def _is_tracked(offer: Offer) -> bool:
    return offer.stock is not None


def _take_from_stock(units: Mapping[str, int]) -> None:
    _add_to_stock({sku_id: -taken for sku_id, taken in units.items()})


def _add_to_stock(units: Mapping[str, int]) -> None:
    """Add units to the stocks of SKUs, or take them out where negative."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE products_sku SET stock = stock + added.units "
            "FROM unnest(%s::text[], %s::bigint[]) AS added(sku_id, units) WHERE id = added.sku_id",
            (list(units), list(units.values())),
        )


def _add_to_tallies(buyers: Sequence[str], units: Mapping[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO products_purchasetally AS tally (sku_id, buyer, units) "
            "SELECT taken.sku_id, buyer, taken.units "
            "FROM unnest(%s::text[], %s::int[]) AS taken(sku_id, units), unnest(%s::text[]) buyer "
            "ON CONFLICT (sku_id, buyer) DO UPDATE SET units = tally.units + excluded.units",
            (list(units), list(units.values()), list(buyers)),
        )


def _take_from_tallies(buyers: Sequence[str], units: Mapping[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE products_purchasetally AS tally SET units = tally.units - returned.units "
            "FROM unnest(%s::text[], %s::int[]) AS returned(sku_id, units) "
            "WHERE tally.sku_id = returned.sku_id AND tally.buyer = ANY(%s::text[])",
            (list(units), list(units.values()), list(buyers)),
        )
