"""The answers to keyed calls that order, each kept in the transaction that writes the order."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from config.http.idempotency import (
    Answer,
    CallRecord,
    CallRepeatedError,
    Details,
    KeyedCall,
    RequestInProgress,
)
from orders.models import Reply

_FORGOTTEN_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Replies:
    """The answers to one buyer's keyed calls, as they are known at `now`."""

    buyer: str
    now: datetime

    def require_first(self, call: KeyedCall) -> None:
        """Raise CallRepeatedError where the call was answered before."""
        record = self._find(call)
        if record is not None:
            raise CallRepeatedError(record)

    def claim(self, call: KeyedCall) -> None:
        """Let no other request with this key through until the transaction ends.

        Raises RequestInProgress, CallRepeatedError.
        """
        if not _try_lock(f"order reply|{self.buyer}|{call.id}"):
            raise RequestInProgress
        self.require_first(call)

    def keep(self, call: KeyedCall, answer: Answer) -> bool:
        """Keep an answer, in place of an expired one; return False if another is kept already."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO orders_reply AS kept "
                "(buyer, key, fingerprint, status, body, created_at) "
                "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (buyer, key) DO UPDATE SET "
                "fingerprint = excluded.fingerprint, status = excluded.status, "
                "body = excluded.body, created_at = excluded.created_at "
                "WHERE kept.created_at <= %s RETURNING id",
                (
                    self.buyer,
                    call.id,
                    call.fingerprint,
                    answer.status,
                    answer.body,
                    self.now,
                    _find_oldest(self.now),
                ),
            )
            return cursor.fetchone() is not None

    def keep_details(self, call: KeyedCall, details: Details) -> None:
        """Keep nothing more: the transaction of the order has kept the whole answer."""

    def keep_refusal(self, call: KeyedCall, answer: Answer) -> CallRecord | None:
        """Keep a refusal; if another answer was kept meanwhile, return the record of that one."""
        return None if self.keep(call, answer) else self._find(call)

    def _find(self, call: KeyedCall) -> CallRecord | None:
        kept = Reply.objects.filter(
            buyer=self.buyer, key=call.id, created_at__gt=_find_oldest(self.now)
        )
        reply = kept.first()
        if reply is None:
            return None
        return CallRecord(reply.fingerprint, answer=Answer(reply.status, "", bytes(reply.body)))


def forget_replies(*, now: datetime) -> int:
    """Delete the answers whose keys have expired, in batches; return how many."""
    oldest = _find_oldest(now)
    old = Reply.objects.filter(created_at__lte=oldest).order_by("created_at")
    forgotten = 0
    while batch := list(old.values_list("pk", flat=True)[:_FORGOTTEN_BATCH]):
        # A key that was used again meanwhile has a new answer in the same row.
        count, _ = Reply.objects.filter(pk__in=batch, created_at__lte=oldest).delete()
        forgotten += count
    return forgotten


def _find_oldest(now: datetime) -> datetime:
    """Return when the oldest answer that still counts was given."""
    return now - timedelta(hours=settings.IDEMPOTENCY_HOURS)


def _try_lock(name: str) -> bool:
    """Lock a name until the transaction ends, without waiting."""
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (number,))
        return bool(cursor.fetchone()[0])
