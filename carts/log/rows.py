"""The rows of the change log: each change in the streams becomes one row, exactly once.

1. Read the oldest entries of a shard's stream.
2. Write them as rows. Set aside what cannot be read as a change, and pass over what has its row
   already: another drain came first, or one died before its step 3.
3. Drop the entries from the stream.

Rows become visible in the order of their ids, which is what `carts.log.kafka` relies on.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import orjson
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import QuerySet

from carts.domain.cart import CartOwner, OwnerKind
from carts.live import counters
from carts.live.keys import parse_cart_key, shard_prefixes
from carts.log import stream
from carts.log.stream import StreamEntry
from carts.models import CartChange, Publication, UnreadableChange
from carts.permanent.columns import Milliseconds, list_sent_types, write_columns
from carts.permanent.rows import find_missing_users
from config.hashing import hash_secret
from config.stores.database import in_transaction

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

_BATCH = 500
# A run has an end however fast new changes come; the next run goes on from there.
_MAX_BATCHES = 400
_PURGE_BATCH = 5_000
# Drains take turns by this lock of the database; nothing else locks the number.
_TURN = 0x6361_7274_6C6F_6721
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did, in changes; `lost` were cut off by CART_CHANGES_MAX before it came."""

    kept: int
    set_aside: int
    lost: int


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A row of the log before it is written; its fields are the columns of CartChange."""

    stream_id: str
    cart_id: str
    owner_kind: OwnerKind
    owner_id: str
    action: str
    sku_id: str
    before: int
    after: int
    version: int
    actor: str
    source: str
    request_id: str
    at: Milliseconds


_Pair = tuple[StreamEntry, LoggedChange]


class UnreadableEntry(Exception):
    """The entry is no change; the message says why, and holds nothing private."""


def drain_streams() -> Drained:
    """Move the waiting changes of every shard to rows, at most 200,000 of each.

    Holds 500 in memory. Safe at any time and twice at once. Raises CartStoreUnavailable and
    OperationalError; the next drain then does the rest.
    """
    kept = set_aside = lost = 0
    for prefix in shard_prefixes():
        for entries in _read_batches(prefix):
            unreadable = _keep_entries(prefix, entries)
            lost += stream.drop_changes(prefix, entries)
            kept += len(entries) - unreadable
            set_aside += unreadable
    if lost:
        logger.error("%d cart changes were lost: nobody drained their stream in time", lost)
    return Drained(kept, set_aside, lost)


def purge_log(*, now: datetime) -> int:
    """Delete the log's rows older than CART_CHANGES_RETENTION_DAYS, if that is not 0.

    Return how many there were. Rows that are still to be published stay.
    """
    if not settings.CART_CHANGES_RETENTION_DAYS:
        return 0
    oldest = now - timedelta(days=settings.CART_CHANGES_RETENTION_DAYS)
    UnreadableChange.objects.filter(set_aside_at__lt=oldest).delete()
    old = CartChange.objects.filter(at__lt=oldest)
    if settings.CART_EVENTS_KAFKA:
        publication = Publication.objects.filter(channel=Publication.KAFKA).first()
        old = old.filter(pk__lte=publication.last_id if publication else 0)
    purged = 0
    while count := _purge_batch(old):
        purged += count
    return purged


@in_transaction
def _purge_batch(old: QuerySet[CartChange]) -> int:
    rows = old.order_by("at").select_for_update(skip_locked=True).values_list("pk", flat=True)
    count, _ = CartChange.objects.filter(pk__in=list(rows[:_PURGE_BATCH])).delete()
    return count


def _read_batches(prefix: str) -> Iterator[list[StreamEntry]]:
    """Yield the oldest entries, again and again; the caller drops them before it goes on."""
    for _ in range(_MAX_BATCHES):
        entries = stream.read_changes(prefix, count=_BATCH)
        if entries:
            yield entries
        if len(entries) < _BATCH:
            return


def _keep_entries(prefix: str, entries: Sequence[StreamEntry]) -> int:
    """Write entries as rows, and set aside what cannot be; return how many could not."""
    readable: list[_Pair] = []
    faults: list[UnreadableChange] = []
    for entry in entries:
        try:
            readable.append((entry, read_entry(entry)))
        except UnreadableEntry as fault:
            faults.append(_describe_fault(prefix, entry, str(fault)))
    faults = _write_rows(prefix, readable, faults)
    if faults:
        counters.add("changes_set_aside", len(faults))
        logger.error(
            "%d entries of %scart:changes set aside, the first being %s: %s",
            len(faults), prefix, faults[0].stream_id, faults[0].reason,
        )  # fmt: skip
    return len(faults)


@in_transaction
def _write_rows(
    prefix: str, readable: Sequence[_Pair], faults: Sequence[UnreadableChange]
) -> list[UnreadableChange]:
    """Write the readable entries, and set aside the others; return all that were set aside."""
    _take_turn()
    faults = [*faults, *_insert(prefix, _leave_out_erased(readable))]
    UnreadableChange.objects.bulk_create(faults, ignore_conflicts=True)
    return faults


def read_entry(entry: StreamEntry) -> LoggedChange:
    """Return the change an entry tells of; raises UnreadableEntry."""
    fields = entry.fields
    owner = _read(fields, "key", _parse_owner)
    return LoggedChange(
        stream_id=entry.id,
        cart_id=_read(fields, "cart", bytes.decode),
        owner_kind=owner.kind,
        owner_id=hash_secret(owner.key) if owner.is_guest else owner.id,
        action=_read(fields, "action", bytes.decode),
        sku_id=_read(fields, "sku", bytes.decode),
        before=_read(fields, "before", _parse_number),
        after=_read(fields, "after", _parse_number),
        version=_read(fields, "version", _parse_number),
        actor=_read(fields, "actor", bytes.decode),
        source=_read(fields, "source", bytes.decode),
        request_id=_read(fields, "request", bytes.decode),
        at=int(entry.id.partition("-")[0]),
    )


def _read(fields: Mapping[bytes, bytes], name: str, parse: Callable[[bytes], Value]) -> Value:
    value = fields.get(name.encode())
    if value is None:
        raise UnreadableEntry(f"{name} is missing")
    try:
        return parse(value)
    except ValueError as error:
        raise UnreadableEntry(f"{name} is malformed") from error


def _parse_owner(value: bytes) -> CartOwner:
    return parse_cart_key(value.decode())


def _parse_number(value: bytes) -> int:
    # The database itself refuses a number that is only too large for its column.
    number = int(value)
    if not 0 <= number < 2**63:
        raise ValueError("not a number the database has")
    return number


def _take_turn() -> None:
    """Wait until no other drain is writing; the turn ends with the transaction.

    A row gets its id when it is written, and is seen once its transaction commits. Without turns, a
    row could be seen after rows with higher ids were published, and would never be published.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])


def _leave_out_erased(readable: Sequence[_Pair]) -> list[_Pair]:
    """Return the changes without the ids of users that are gone.

    Call it during the turn. Who erases a user takes a turn, too: after that one the user is missing
    here, and before it the rows written here are found there.
    """
    gone = find_missing_users(
        {change.owner_id for _, change in readable if change.owner_kind == "user"}
    )
    return [
        (entry, _make_nobodys(change) if change.owner_id in gone else change)
        for entry, change in readable
    ]


def _make_nobodys(change: LoggedChange) -> LoggedChange:
    actor = "erased" if change.actor == change.owner_id else change.actor
    return replace(change, owner_kind="guest", owner_id="erased", actor=actor)


def _insert(prefix: str, readable: Sequence[_Pair]) -> list[UnreadableChange]:
    """Write the rows; find those that the database refuses by halving, and return them."""
    changes = [change for _, change in readable]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_INSERT, [orjson.dumps(changes).decode()])
        return []
    except (DataError, IntegrityError) as error:
        if len(readable) == 1:
            return [_describe_fault(prefix, readable[0][0], str(error).partition("\n")[0])]
    middle = len(readable) // 2
    return [*_insert(prefix, readable[:middle]), *_insert(prefix, readable[middle:])]


def _describe_fault(prefix: str, entry: StreamEntry, reason: str) -> UnreadableChange:
    fields = {
        _show(name): hash_secret(_show(value)) if name == b"key" else _show(value)
        for name, value in entry.fields.items()
    }
    return UnreadableChange(shard=prefix, stream_id=entry.id, entry=fields, reason=reason)


def _show(value: bytes) -> str:
    text = value[:_MAX_SHOWN].decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00")


_TYPES = list_sent_types(LoggedChange)
_INSERT = f"""
INSERT INTO carts_cartchange ({", ".join(_TYPES)})
SELECT {write_columns(LoggedChange)}
FROM json_to_recordset(%s::json) AS change({", ".join(map(" ".join, _TYPES.items()))})
ON CONFLICT DO NOTHING
"""  # noqa: S608
