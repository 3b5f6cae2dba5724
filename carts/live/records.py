"""Changes that may be repeated: what an Idempotency-Key stands for, and what came of it.

The script that makes the change also writes the record, so a repeat can never make it again. What
the cart does not tell of the outcome is added to the record afterwards; a repeat's answer is built
from it and from the cart as it is then. A refusal has no cart in it, and is kept as it was given.
"""

import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import orjson

from carts.domain.cart import CartOwner
from carts.live.keys import operation_key
from config.http.ratelimit import Charge

_APPLIED = b"applied"
_DONE = b"done"
_ANSWERED = b"answered"


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that may come again: its key, and a digest of what it asks for.

    `former_id` is the key under which servers of the release before keep the same request, ""
    where that is `id`. `charges` count a request that comes for the first time.
    """

    id: str
    fingerprint: str
    ttl_ms: int
    former_id: str = ""
    charges: tuple[Charge, ...] = ()

    def record_key(self, owner: CartOwner) -> str:
        return operation_key(owner, self.id)

    def former_key(self, owner: CartOwner) -> str:
        return operation_key(owner, self.former_id)

    def applied_record(self, now_ms: int) -> bytes:
        """Return the record the script writes with the change."""
        return b"%b\n%b\n%d" % (_APPLIED, self.fingerprint.encode(), now_ms)

    def done_record(self, details: "Details") -> bytes:
        """Return the record of a change that was made and answered.

        The release before takes it for a change that was made long ago and never answered.
        """
        state = _DONE
        if details:
            state += b" " + b64encode(zlib.compress(orjson.dumps(details)))
        return b"%b\n%b\n0" % (state, self.fingerprint.encode())

    def refused_record(self, answer: "Answer") -> bytes:
        """Return the record of a change that was refused."""
        head = f"{self.fingerprint}\n{answer.status}\n{answer.etag}\n".encode()
        return _ANSWERED + b"\n" + head + zlib.compress(answer.body)


# What cannot be told from the cart later, as JSON.
Details = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it was given: status, ETag ("" without one) and body."""

    status: int
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What is known of an operation that came before.

    One that was refused has its `answer`, one that was made and answered its `details`; one that
    was made and may not have been answered yet has neither. The release before kept every answer.
    """

    fingerprint: str
    applied_ms: int = 0
    answer: Answer | None = None
    details: Details | None = None

    @classmethod
    def parse(cls, value: bytes) -> "OperationRecord":
        state, rest = value.split(b"\n", 1)
        if state == _ANSWERED:
            digest, status, etag, body = rest.split(b"\n", 3)
            answer = Answer(int(status), etag.decode(), zlib.decompress(body))
            return cls(digest.decode(), answer=answer)
        fingerprint, applied = rest.decode().split("\n")
        if state == _APPLIED:
            return cls(fingerprint, int(applied))
        _, _, packed = state.partition(b" ")
        details = orjson.loads(zlib.decompress(b64decode(packed))) if packed else {}
        return cls(fingerprint, details=details)


class OperationRepeatedError(Exception):
    """The operation has come before; `record` tells how far it got. Control flow, not a failure."""

    def __init__(self, record: OperationRecord) -> None:
        super().__init__("operation repeated")
        self.record = record
