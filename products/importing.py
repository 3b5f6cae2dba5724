"""Take a file's goods in, and tell what became of every row."""

from collections import Counter, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from products.exchange.entries import Faulty, MerchantEntry, ProductEntry, Read
from products.exchange.formats import find_format, find_reader
from products.intake import Intake, Outcome, Taken, deactivate_others, take_in


@dataclass(frozen=True, slots=True)
class Job:
    """What to import: a file in a format or "auto", by whom, for whom.

    With a `merchant` all goods are that one's, whatever the file says. `deactivates_missing` makes
    the merchants' other SKUs inactive at the end, but not where a row was faulty: its SKU would
    count as missing.
    """

    path: Path
    format: str
    actor: str
    merchant: str | None = None
    is_dry_run: bool = False
    deactivates_missing: bool = False


@dataclass(slots=True)
class ImportResult:
    """How many products came to which outcome, and how many SKUs were made inactive."""

    products: Counter[Outcome] = field(default_factory=Counter)
    skus: int = 0
    deactivated: int = 0
    _merchant_ids: set[str] = field(default_factory=set)
    _sku_ids: set[str] = field(default_factory=set)

    @property
    def faults(self) -> int:
        """How many rows or products were not taken in."""
        return self.products[Outcome.FAILED]


def run_import(job: Job, result: ImportResult) -> Generator[Faulty | None, None, None]:
    """Take the goods in, and yield a fault, or None, for each product and each bad row.

    Counts in `result`. Products are taken some at a time, in a transaction. After an interruption
    the whole file can be imported again. Raises EntryError for a file that cannot be read at all.
    """
    name = find_format(job.path) if job.format == "auto" else job.format
    found = find_reader(job.path, name)(job.path, currency=settings.CART_CURRENCY)
    reads: deque[Read] = deque()
    faults: deque[Faulty] = deque()
    merchant = MerchantEntry(job.merchant) if job.merchant else None
    how = Intake(actor=job.actor, merchant=merchant, is_dry_run=job.is_dry_run)
    for taken in take_in(_pick_entries(found, job, reads, faults), how):
        yield from _tell(faults, result)
        yield _count(taken, reads.popleft(), result, keeps_ids=job.deactivates_missing)
    yield from _tell(faults, result)
    if job.deactivates_missing and not result.faults:
        result.deactivated = deactivate_others(
            result._sku_ids,
            merchant_ids=result._merchant_ids,
            now=timezone.now(),
            is_dry_run=job.is_dry_run,
        )


def _pick_entries(
    found: Iterator[Read | Faulty], job: Job, reads: deque[Read], faults: deque[Faulty]
) -> Iterator[ProductEntry]:
    """Yield the entries of a file, and note what is read and what is faulty."""
    for each in found:
        if isinstance(each, Faulty):
            faults.append(each)
            continue
        reads.append(each)
        yield replace(each.entry, merchant=None) if job.merchant else each.entry


def _tell(faults: deque[Faulty], result: ImportResult) -> Iterator[Faulty]:
    while faults:
        result.products[Outcome.FAILED] += 1
        yield faults.popleft()


def _count(taken: Taken, read: Read, result: ImportResult, *, keeps_ids: bool) -> Faulty | None:
    result.products[taken.outcome] += 1
    if taken.outcome == Outcome.FAILED:
        return Faulty(read.line, taken.reason, read.entry.external_id)
    result.skus += len(taken.sku_ids)
    if keeps_ids:
        result._merchant_ids.add(taken.merchant_id)
        result._sku_ids.update(taken.sku_ids)
    return None
