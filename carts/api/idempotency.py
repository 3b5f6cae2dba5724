"""Idempotency-Key: the first request makes the change; a repeat is told what came of it.

A key belongs to one owner and one call. Of a change that was made, a repeat shows the cart as it is
now: keeping every cart that was shown would fill the store. New keys are limited by owner, by
address and in all, because each is kept for IDEMPOTENCY_HOURS: forgetting the oldest instead would
let a repeat make its change a second time.
"""

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live import store
from carts.live.records import (
    Answer,
    Details,
    Operation,
    OperationRecord,
    OperationRepeatedError,
)
from config.errors import ServiceError
from config.http.context import client_network
from config.http.errors import refuse_service_error
from config.http.ratelimit import HOUR_MS, Charge, RateLimit, RateLimited, active_charges

logger = logging.getLogger(__name__)

_KEY = re.compile(r"[ -~]{1,128}", re.ASCII)
# Refusals a repeat gets again; the others tell of the moment, and a repeat is tried anew.
_FINAL = frozenset({400, 404, 409})
# A request that made its change answers within its store time-outs, so one that has not answered
# after this long never will.
_ANSWER_WITHIN_MS = 3_000
# Bytes of a refusal. One of a longer answer made no change, so its repeat may be tried anew.
_LONGEST_REFUSAL = 2_000

Call = Literal["add", "batch", "merge", "order"]


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
class Made:
    """The answer to a change, and what of it the cart will not tell."""

    response: HttpResponse
    details: Details = field(default_factory=dict)


def read_operation(request: Request, owner: CartOwner, call: Call) -> Operation | None:
    """Return the operation the request names by its Idempotency-Key; None without one."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    body = json.dumps(request.data, sort_keys=True)
    content = f"{request.method} {request.path}\n{body}".encode()
    # Apart from the ids this system gives to operations of its own.
    bare_id = f"key:{key}"
    # Orders have a store of their own, and an addition keeps the name that all calls on carts once
    # shared: so servers of two releases beside each other know most repeats of the other's.
    operation_id = bare_id if call in {"add", "order"} else f"{call}:{bare_id}"
    return Operation(
        id=operation_id,
        fingerprint=hashlib.blake2b(content, digest_size=16).hexdigest(),
        ttl_ms=timedelta(hours=settings.IDEMPOTENCY_HOURS) // timedelta(milliseconds=1),
        former_id="" if operation_id == bare_id else bare_id,
        charges=active_charges(_list_charges(request, owner)),
    )


def answer_once(
    owner: CartOwner,
    operation: Operation | None,
    *,
    perform: Callable[[], Made],
    replay: Callable[[Details | None], HttpResponse],
) -> HttpResponse:
    """Answer by `perform`, or where that was done before by `replay`.

    `replay` is given what the first answer's cart did not tell; None for a change that was made by
    a request which died before it answered.
    """
    if operation is None:
        return perform().response
    try:
        made = perform()
    except OperationRepeatedError as repeated:
        return _repeat(repeated.record, operation, replay)
    except ServiceError as refusal:
        response = refuse_service_error(refusal)
        if response.status_code not in _FINAL:
            raise
        if len(response.content) <= _LONGEST_REFUSAL:
            store.record_refusal(owner, operation, _answer_of(response))
        return response
    _record(owner, operation, made.details)
    return made.response


def _list_charges(request: Request, owner: CartOwner) -> list[Charge]:
    subjects = (
        ("keys", settings.RATE_LIMIT_KEYS, owner.key),
        ("keys-address", settings.RATE_LIMIT_KEYS_PER_ADDRESS, client_network(request)),
        ("keys-in-all", settings.RATE_LIMIT_KEYS_IN_ALL, "all"),
    )
    return [
        Charge(RateLimit(name, most, HOUR_MS, TooManyIdempotencyKeys), subject)
        for name, most, subject in subjects
    ]


def _record(owner: CartOwner, operation: Operation, details: Details) -> None:
    try:
        store.record_details(owner, operation, details)
    except CartStoreUnavailable:
        # The change is made and marked as made; a repeat will be told that it was.
        logger.warning("answer of a repeatable request was not kept")


def _repeat(
    record: OperationRecord,
    operation: Operation,
    replay: Callable[[Details | None], HttpResponse],
) -> HttpResponse:
    if record.fingerprint != operation.fingerprint:
        raise IdempotencyKeyReused
    if record.answer is not None:
        response = _give_again(record.answer)
    # However far apart the clocks of Redis and of the servers are, it is not in progress for long.
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


def _answer_of(response: HttpResponse) -> Answer:
    return Answer(response.status_code, response.get("ETag", ""), response.content)
