"""Idempotency-Key: the first request makes the change; a repeat is told what came of it.

A key belongs to one owner and one kind of call. Each store keeps the record of a keyed call
together with the change itself, so no repeat can make the change again. New keys are limited by
owner, by address and in all, because each is kept for IDEMPOTENCY_HOURS: forgetting the oldest
instead would let a repeat make its change a second time.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal, Protocol

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from config.errors import ServiceError
from config.http.errors import refuse_service_error
from config.http.ratelimit import (
    HOUR_MS,
    Charge,
    RateLimit,
    RateLimited,
    active_charges,
    client_network,
)

KEY_PATTERN = "[ -~]{1,128}"
_KEY = re.compile(KEY_PATTERN, re.ASCII)
# Refusals that a repeat gets again. Other refusals are of the moment: a repeat is tried anew.
_FINAL_STATUSES = frozenset({400, 403, 404, 409})
_OF_THE_MOMENT = frozenset({"checkout_contended", "request_in_progress", "too_many_pending_orders"})
# The stores' time-outs end every request sooner: one that is silent until then never answers.
_ANSWER_WITHIN_MS = 3_000

Kind = Literal["add", "batch", "merge", "order"]
# What the cart does not show of a change later, as JSON.
Details = dict[str, Any]


class InvalidIdempotencyKey(ServiceError):
    """The key is not 1 to 128 printable ASCII characters."""

    code: ClassVar[str] = "invalid_idempotency_key"
    message: ClassVar[str] = "Idempotency-Key must be 1 to 128 printable ASCII characters"


class IdempotencyKeyReused(ServiceError):
    """The key came before, with another request."""

    code: ClassVar[str] = "idempotency_key_reused"
    message: ClassVar[str] = "Idempotency-Key was already used for another request"


class RequestInProgress(ServiceError):
    """The first request with this key has not answered yet."""

    code: ClassVar[str] = "request_in_progress"
    message: ClassVar[str] = "A request with this Idempotency-Key is still in progress"


@dataclass(eq=False)
class TooManyIdempotencyKeys(RateLimited):
    """Too many new keys; the same call without one is welcome, too."""

    code: ClassVar[str] = "too_many_idempotency_keys"
    message: ClassVar[str] = "Too many requests with a new Idempotency-Key"


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A request that may come again: its key, and a digest of what it asks for.

    `former_id` is the key under which servers of the last release keep the same call, or "" if that
    is `id`. `charges` count a call that comes for the first time.
    """

    id: str
    fingerprint: str
    ttl_ms: int
    former_id: str = ""
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it was given: status, ETag ("" without one) and body."""

    status: int
    etag: str
    body: bytes

    @classmethod
    def of(cls, response: HttpResponse) -> "Answer":
        return cls(response.status_code, response.get("ETag", ""), response.content)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of a keyed call that came before.

    A call that was refused, or whose store keeps every answer, has its `answer`. A change that was
    made and answered has `details`. One that may not have been answered yet has neither.
    """

    fingerprint: str
    applied_ms: int = 0
    answer: Answer | None = None
    details: Details | None = None


class CallRepeatedError(Exception):
    """The call has come before; `record` tells how far it got. Control flow, not a failure."""

    def __init__(self, record: CallRecord) -> None:
        super().__init__("call repeated")
        self.record = record


class CallRecords(Protocol):
    """Where the records of one owner's keyed calls are kept."""

    def keep_details(self, call: KeyedCall, details: Details) -> None:
        """Note that a change was made and answered, with what a repeat must be told of it."""

    def keep_refusal(self, call: KeyedCall, answer: Answer) -> CallRecord | None:
        """Keep the answer to a refused call; return another request's record if that one counts."""


@dataclass(frozen=True, slots=True)
class Made:
    """The answer to a change, and what a repeat must be told of it.

    `details` is None where the store has kept the answer with the change.
    """

    response: HttpResponse
    details: Details | None = field(default_factory=dict)


def read_call(request: Request, owner: str, kind: Kind) -> KeyedCall | None:
    """Return the call that the request's Idempotency-Key names; None without one.

    `owner` is the key of whoever asks. Raises InvalidIdempotencyKey.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    # The prefix keeps it apart from the ids that this system gives to calls of its own.
    bare_id = f"key:{key}"
    # Orders have a store of their own. All calls on carts once shared the bare name; additions
    # still use it, so that servers of two releases recognize most repeats of each other's calls.
    call_id = bare_id if kind in {"add", "order"} else f"{kind}:{bare_id}"
    return KeyedCall(
        id=call_id,
        fingerprint=_digest(request),
        ttl_ms=timedelta(hours=settings.IDEMPOTENCY_HOURS) // timedelta(milliseconds=1),
        former_id="" if call_id == bare_id else bare_id,
        charges=active_charges(_list_charges(request, owner)),
    )


def _wait_for_answer(_: Details | None) -> HttpResponse:
    raise RequestInProgress


def answer_once(
    call: KeyedCall | None,
    records: CallRecords,
    *,
    perform: Callable[[], Made],
    replay: Callable[[Details | None], HttpResponse] = _wait_for_answer,
    refuse: Callable[[ServiceError], HttpResponse] = refuse_service_error,
) -> HttpResponse:
    """Answer by `perform`, or if that was done before, as the first request was answered.

    `perform` raises CallRepeatedError for a call that came before. `replay` answers a change whose
    record has no answer: it is given the details, or None where the first request died before it
    answered. Raises IdempotencyKeyReused, RequestInProgress, and refusals of the moment.
    """
    if call is None:
        return perform().response
    try:
        made = perform()
    except CallRepeatedError as repeated:
        return _repeat(repeated.record, call, replay)
    except ServiceError as refusal:
        response = refuse(refusal)
        if response.status_code not in _FINAL_STATUSES or refusal.code in _OF_THE_MOMENT:
            raise
        known = records.keep_refusal(call, Answer.of(response))
        return response if known is None else _repeat(known, call, replay)
    if made.details is not None:
        records.keep_details(call, made.details)
    return made.response


def _digest(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    content = f"{request.method} {request.path}\n{body}".encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _list_charges(request: Request, owner: str) -> list[Charge]:
    subjects = (
        ("keys", settings.RATE_LIMIT_KEYS, owner),
        ("keys-address", settings.RATE_LIMIT_KEYS_PER_ADDRESS, client_network(request)),
        ("keys-in-all", settings.RATE_LIMIT_KEYS_IN_ALL, "all"),
    )
    return [
        Charge(RateLimit(name, most, HOUR_MS, TooManyIdempotencyKeys), subject)
        for name, most, subject in subjects
    ]


def _repeat(
    record: CallRecord, call: KeyedCall, replay: Callable[[Details | None], HttpResponse]
) -> HttpResponse:
    if record.fingerprint != call.fingerprint:
        raise IdempotencyKeyReused
    if record.answer is not None:
        response = _give_again(record.answer)
    # Clocks may differ, but even then a call does not count as in progress for long.
    elif record.details is None and _is_recent(record.applied_ms):
        raise RequestInProgress
    else:
        response = replay(record.details)
    response["Idempotent-Replayed"] = "true"
    return response


def _is_recent(moment_ms: int) -> bool:
    return abs(time.time_ns() // 1_000_000 - moment_ms) < _ANSWER_WITHIN_MS


def _give_again(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, content_type="application/json", status=answer.status)
    if answer.etag:
        response["ETag"] = answer.etag
    return response
