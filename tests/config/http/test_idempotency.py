"""One answer to a keyed call: which answers are kept, and what a repeat gets; without a store."""

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from django.http import HttpResponse

from config.errors import ServiceError
from config.http.idempotency import (
    Answer,
    CallRecord,
    CallRepeatedError,
    Details,
    IdempotencyKeyReused,
    KeyedCall,
    Made,
    RequestInProgress,
    answer_once,
)

CALL = KeyedCall(id="key:k1", fingerprint="f1", ttl_ms=1_000)
KEPT = CallRecord("f1", answer=Answer(200, '"7"', b"first"))


@dataclass
class Records:
    """What was kept; `other` is what another request with the key was answered meanwhile."""

    other: CallRecord | None = None
    details: list[Details] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)

    def keep_details(self, call: KeyedCall, details: Details) -> None:
        self.details.append(details)

    def keep_refusal(self, call: KeyedCall, answer: Answer) -> CallRecord | None:
        self.refusals.append(answer)
        return self.other


def refusal_of(slug: str) -> ServiceError:
    class Refusal(ServiceError):
        code: ClassVar[str] = slug
        message: ClassVar[str] = "No"

    return Refusal()


def answer_to(failure: Exception, records: Records, **options: Any) -> HttpResponse:
    def fail() -> Made:
        raise failure

    return answer_once(CALL, records, perform=fail, **options)


@pytest.mark.parametrize(("details", "kept"), [({"a": 1}, [{"a": 1}]), ({}, [{}]), (None, [])])
def test_what_was_made_is_answered_and_its_details_are_kept(
    details: Details | None, kept: list[Details]
) -> None:
    records, response = Records(), HttpResponse(b"made")

    answered = answer_once(CALL, records, perform=lambda: Made(response, details))

    assert answered is response
    assert (records.details, records.refusals) == (kept, [])


def test_without_a_key_nothing_is_kept() -> None:
    records, response = Records(), HttpResponse(b"made")

    answered = answer_once(None, records, perform=lambda: Made(response))

    assert answered is response
    assert (records.details, records.refusals) == ([], [])


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        ("invalid_quantity", 400),
        ("access_denied", 403),
        ("item_not_found", 404),
        ("cart_invalid", 409),
    ],
)
def test_a_final_refusal_is_kept_as_it_is_answered(slug: str, status: int) -> None:
    records = Records()

    response = answer_to(refusal_of(slug), records)

    assert response.status_code == status
    assert records.refusals == [Answer(status, "", response.content)]


@pytest.mark.parametrize(
    "slug",
    [
        "cart_changed",
        "cart_store_unavailable",
        "checkout_contended",
        "rate_limited",
        "request_in_progress",
        "token_not_valid",
        "too_many_pending_orders",
    ],
)
def test_a_refusal_of_the_moment_is_raised_and_not_kept(slug: str) -> None:
    records, failure = Records(), refusal_of(slug)

    with pytest.raises(ServiceError) as raised:
        answer_to(failure, records)

    assert raised.value is failure
    assert records.refusals == []


def test_a_refusal_gives_way_to_what_another_request_was_answered_meanwhile() -> None:
    response = answer_to(refusal_of("invalid_quantity"), Records(other=KEPT))

    assert (response.status_code, response.content) == (200, b"first")
    assert response["Idempotent-Replayed"] == "true"


def test_a_repeat_gets_the_answer_that_was_kept() -> None:
    response = answer_to(CallRepeatedError(KEPT), Records())

    assert (response.status_code, response.content, response["ETag"]) == (200, b"first", '"7"')
    assert response["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("details", [{"a": 1}, {}])
def test_a_repeat_of_a_change_is_answered_from_its_details(details: Details) -> None:
    given: list[Details | None] = []

    def replay(details: Details | None) -> HttpResponse:
        given.append(details)
        return HttpResponse(b"as it is now")

    repeated = CallRepeatedError(CallRecord("f1", details=details))
    response = answer_to(repeated, Records(), replay=replay)

    assert (response.content, response["Idempotent-Replayed"]) == (b"as it is now", "true")
    assert given == [details]


def test_a_key_of_another_request_is_refused() -> None:
    with pytest.raises(IdempotencyKeyReused):
        answer_to(CallRepeatedError(CallRecord("f2", answer=KEPT.answer)), Records())


def test_a_change_that_was_not_answered_yet_is_in_progress() -> None:
    record = CallRecord("f1", applied_ms=time.time_ns() // 1_000_000)

    with pytest.raises(RequestInProgress):
        answer_to(CallRepeatedError(record), Records(), replay=lambda _: HttpResponse())


def test_a_change_that_was_never_answered_is_replayed_without_details() -> None:
    given: list[Details | None] = []
    record = CallRecord("f1", applied_ms=time.time_ns() // 1_000_000 - 3_600_000)

    def replay(details: Details | None) -> HttpResponse:
        given.append(details)
        return HttpResponse(b"as it is now")

    response = answer_to(CallRepeatedError(record), Records(), replay=replay)

    assert (response.content, given) == (b"as it is now", [None])


def test_where_answers_are_kept_with_the_change_one_without_is_in_progress() -> None:
    record = CallRecord("f1", applied_ms=time.time_ns() // 1_000_000 - 3_600_000)

    with pytest.raises(RequestInProgress):
        answer_to(CallRepeatedError(record), Records())
