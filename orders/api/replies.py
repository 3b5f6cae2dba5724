"""Idempotency-Key of orders: one answer per key, kept in the transaction that writes the order."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpResponse

from carts.api.idempotency import IdempotencyKeyReused, RequestInProgress
from carts.domain.cart import CartOwner
from carts.live.records import Operation
from config.errors import ServiceError
from config.http.errors import STATUSES
from orders.api.answers import answer_order, refuse_order
from orders.errors import CheckoutContended, TooManyPendingOrders
from orders.models import Reply
from orders.selling import PlacedOrder, RepeatGuard

# Refusals a repeat gets again; the others tell of the moment, and a repeat is tried anew.
_FINAL = frozenset({400, 403, 404, 409})
_OF_THE_MOMENT = (RequestInProgress, CheckoutContended, TooManyPendingOrders)
_FORGOTTEN_BATCH = 1_000


class RequestRepeated(Exception):
    """The request came before; `reply` is what it was answered. Control flow, not a failure."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("request repeated")
        self.reply = reply


@dataclass
class ReplyGuard:
    """Let one request with a key through at a time, and keep the answer to the one that orders."""

    owner: CartOwner
    operation: Operation
    now: datetime
    response: HttpResponse = field(init=False)

    def enter(self) -> None:
        """Raise RequestInProgress or RequestRepeated unless this request is the first."""
        if not _try_lock(self.owner, self.operation):
            raise RequestInProgress
        reply = find_reply(self.owner, self.operation, self.now)
        if reply is not None:
            raise RequestRepeated(reply)

    def leave(self, placed: PlacedOrder) -> None:
        """Keep the answer to the order."""
        self.response = answer_order(placed.order, placed.items)
        _keep_reply(self.owner, self.operation, self.response, self.now)


def answer_once(
    owner: CartOwner,
    operation: Operation | None,
    *,
    now: datetime,
    place: Callable[[RepeatGuard | None], PlacedOrder],
) -> HttpResponse:
    """Place the order and answer it, or answer as the first request with this key was answered.

    Raises IdempotencyKeyReused, RequestInProgress, and what `place` raises that a later repeat
    may yet succeed with.
    """
    if operation is None:
        placed = place(None)
        return answer_order(placed.order, placed.items)
    known = find_reply(owner, operation, now)
    if known is not None:
        return _replay(known, operation)
    guard = ReplyGuard(owner, operation, now)
    try:
        place(guard)
    except RequestRepeated as repeated:
        return _replay(repeated.reply, operation)
    except ServiceError as refusal:
        if STATUSES[refusal.code] not in _FINAL or isinstance(refusal, _OF_THE_MOMENT):
            raise
        return _refuse_once(owner, operation, refuse_order(refusal), now)
    return guard.response


def find_reply(owner: CartOwner, operation: Operation, now: datetime) -> Reply | None:
    """Return what was answered to the key within its life."""
    oldest = now - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    kept = Reply.objects.filter(buyer=owner.key, key=operation.id, created_at__gt=oldest)
    return kept.first()


def forget_replies(*, now: datetime) -> int:
    """Delete the answers whose keys have lived out their time, in batches; return how many."""
    oldest = now - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    old = Reply.objects.filter(created_at__lte=oldest).order_by("created_at")
    forgotten = 0
    while batch := list(old.values_list("pk", flat=True)[:_FORGOTTEN_BATCH]):
        # A key that was used again meanwhile has a new answer in the same row.
        count, _ = Reply.objects.filter(pk__in=batch, created_at__lte=oldest).delete()
        forgotten += count
    return forgotten


def _try_lock(owner: CartOwner, operation: Operation) -> bool:
    """Lock the key until the transaction ends, without waiting."""
    name = f"order reply|{owner.key}|{operation.id}".encode()
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (number,))
        return bool(cursor.fetchone()[0])


def _refuse_once(
    owner: CartOwner, operation: Operation, refusal: HttpResponse, now: datetime
) -> HttpResponse:
    """Keep a refusal and answer it, unless another request with this key was answered meanwhile."""
    if _keep_reply(owner, operation, refusal, now):
        return refusal
    known = find_reply(owner, operation, now)
    return refusal if known is None else _replay(known, operation)


def _keep_reply(
    owner: CartOwner, operation: Operation, response: HttpResponse, now: datetime
) -> bool:
    """Keep an answer, over one whose life has ended; False where another is kept already."""
    oldest = now - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_reply AS kept (buyer, key, fingerprint, status, body, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (buyer, key) DO UPDATE SET "
            "fingerprint = excluded.fingerprint, status = excluded.status, "
            "body = excluded.body, created_at = excluded.created_at "
            "WHERE kept.created_at <= %s RETURNING id",
            (
                owner.key,
                operation.id,
                operation.fingerprint,
                response.status_code,
                response.content,
                now,
                oldest,
            ),
        )
        return cursor.fetchone() is not None


def _replay(reply: Reply, operation: Operation) -> HttpResponse:
    if reply.fingerprint != operation.fingerprint:
        raise IdempotencyKeyReused
    return HttpResponse(
        bytes(reply.body),
        content_type="application/json",
        status=reply.status,
        headers={"Idempotent-Replayed": "true"},
    )
