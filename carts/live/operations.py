"""Changes that may be repeated: what an Idempotency-Key stands for, and what was answered.

The script that makes the change also writes the record, so a repeat can never make it again. The
answer is added to the record afterwards; a repeat that finds none gets one made anew.
"""

import zlib
from dataclasses import dataclass

from carts.domain.cart import CartOwner
from carts.live.keys import operation_key

_APPLIED = "applied"
_ANSWERED = b"answered"


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that may come again: its key, and a digest of what it asks for."""

    id: str
    fingerprint: str
    ttl_ms: int

    def record_key(self, owner: CartOwner) -> str:
        return operation_key(owner, self.id)

    def applied_record(self, now_ms: int) -> str:
        """Return the record the script writes with the change."""
        return f"{_APPLIED}\n{self.fingerprint}\n{now_ms}"

    def answered_record(self, answer: "Answer") -> bytes:
        """Return the record that holds the answer as well."""
        head = f"{self.fingerprint}\n{answer.status}\n{answer.etag}\n".encode()
        return _ANSWERED + b"\n" + head + zlib.compress(answer.body, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it was given: status, ETag ("" without one) and body."""

    status: int
    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What is known of an operation that came before; `answer` None while it has not answered."""

    fingerprint: str
    applied_ms: int
    answer: Answer | None

    @classmethod
    def parse(cls, value: bytes) -> "OperationRecord":
        state, rest = value.split(b"\n", 1)
        if state != _ANSWERED:
            fingerprint, applied = rest.decode().split("\n")
            return cls(fingerprint, int(applied), None)
        digest, status, etag, body = rest.split(b"\n", 3)
        answer = Answer(int(status), etag.decode(), zlib.decompress(body))
        return cls(digest.decode(), 0, answer)


class OperationRepeatedError(Exception):
    """The operation has come before; `record` tells how far it got. Control flow, not a failure."""

    def __init__(self, record: OperationRecord) -> None:
        super().__init__("operation repeated")
        self.record = record
