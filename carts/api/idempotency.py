"""Idempotency-Key: the first request makes the change and its answer; a repeat gets that answer."""

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live import store
from carts.live.operations import Answer, Operation, OperationRecord, OperationRepeatedError
from config.http.errors import ServiceError, refuse_service_error

logger = logging.getLogger(__name__)

_KEY = re.compile(r"[ -~]{1,128}", re.ASCII)
# Refusals a repeat gets again; the others tell of the moment, and a repeat is tried anew.
_FINAL = frozenset({400, 404, 409})
# A request that made its change answers within its store time-outs, so one that has not answered
# after this long never will.
_ANSWER_WITHIN_MS = 3_000


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


def read_operation(request: Request) -> Operation | None:
    """Return the operation the request names by its Idempotency-Key; None without one."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    body = json.dumps(request.data, sort_keys=True)
    content = f"{request.method} {request.path}\n{body}".encode()
    return Operation(
        # Apart from the ids this system gives to operations of its own.
        id=f"key:{key}",
        fingerprint=hashlib.blake2b(content, digest_size=16).hexdigest(),
        ttl_ms=timedelta(hours=settings.IDEMPOTENCY_HOURS) // timedelta(milliseconds=1),
    )


def answer_once(
    owner: CartOwner,
    operation: Operation | None,
    *,
    perform: Callable[[], HttpResponse],
    rebuild: Callable[[], HttpResponse],
) -> HttpResponse:
    """Answer by `perform`, or by what it answered before.

    `rebuild` answers for a change that was made by a request which died before it answered.
    """
    if operation is None:
        return perform()
    try:
        response = perform()
    except OperationRepeatedError as repeated:
        return _replay(repeated.record, operation, rebuild)
    except ServiceError as refusal:
        response = refuse_service_error(refusal)
        if response.status_code not in _FINAL:
            raise
        store.record_refusal(owner, operation, _answer_of(response))
        return response
    _record(owner, operation, response)
    return response


def _record(owner: CartOwner, operation: Operation, response: HttpResponse) -> None:
    try:
        store.record_answer(owner, operation, _answer_of(response))
    except CartStoreUnavailable:
        # The change is made and marked as made; a repeat will get a newly built answer.
        logger.warning("answer of a repeatable request was not kept")


def _replay(
    record: OperationRecord, operation: Operation, rebuild: Callable[[], HttpResponse]
) -> HttpResponse:
    if record.fingerprint != operation.fingerprint:
        raise IdempotencyKeyReused
    if record.answer is not None:
        response = HttpResponse(
            record.answer.body,
            content_type="application/json",
            status=record.answer.status,
        )
        if record.answer.etag:
            response["ETag"] = record.answer.etag
    # However far apart the clocks of Redis and of the servers are, it is not in progress for long.
    elif abs(time.time_ns() // 1_000_000 - record.applied_ms) < _ANSWER_WITHIN_MS:
        raise RequestInProgress
    else:
        response = rebuild()
    response["Idempotent-Replayed"] = "true"
    return response


def _answer_of(response: HttpResponse) -> Answer:
    return Answer(response.status_code, response.get("ETag", ""), response.content)
