"""The records of keyed calls on carts: what came of each, kept in Redis.

The script that makes the change also writes the record, so a repeat can never make it again.
Afterwards the record gets what the cart itself does not tell of the outcome. A repeat is answered
from the record and the cart as it is then, because keeping every cart that was shown would fill
the store. A refusal has no cart in it, and is kept as it was given.
"""

import logging
import time
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

import orjson

from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.connection import get_client, store_errors
from carts.live.keys import call_key
from config.http.idempotency import Answer, CallRecord, CallRepeatedError, Details, KeyedCall

logger = logging.getLogger(__name__)

_APPLIED = b"applied"
_DONE = b"done"
_ANSWERED = b"answered"
# In bytes. A longer refusal is not kept: it made no change, so a repeat may try again.
_LONGEST_REFUSAL = 2_000


@dataclass(frozen=True, slots=True)
class LiveRecords:
    """The records of one owner's keyed calls."""

    owner: CartOwner

    def begin(self, call: KeyedCall) -> None:
        """Record a call as begun; raises CallRepeatedError where it had begun before."""
        key = call_key(self.owner, call.id)
        with store_errors():
            known = get_client().set(key, pack_applied(call), px=call.ttl_ms, nx=True, get=True)
        if known:
            raise CallRepeatedError(unpack_record(known))

    def keep_details(self, call: KeyedCall, details: Details) -> None:
        """Note that a change was made and answered, with what a repeat must be told of it."""
        try:
            with store_errors():
                get_client().set(
                    call_key(self.owner, call.id), _pack_done(call, details), px=call.ttl_ms
                )
        except CartStoreUnavailable:
            # The change is made and marked as made; a repeat will be told that it was.
            logger.warning("answer of a repeatable request was not kept")

    def keep_refusal(self, call: KeyedCall, answer: Answer) -> None:
        """Keep the answer to a change that was refused, unless a repeat made it meanwhile."""
        if len(answer.body) > _LONGEST_REFUSAL:
            return
        key = call_key(self.owner, call.id)
        with store_errors():
            get_client().set(key, _pack_refused(call, answer), px=call.ttl_ms, nx=True)


def pack_applied(call: KeyedCall) -> bytes:
    """Return the record that the script writes with the change."""
    now_ms = time.time_ns() // 1_000_000
    return b"%b\n%b\n%d" % (_APPLIED, call.fingerprint.encode(), now_ms)


def unpack_record(value: bytes) -> CallRecord:
    """Return the record in a stored value; the release before stored every answer whole."""
    state, rest = value.split(b"\n", 1)
    if state == _ANSWERED:
        digest, status, etag, body = rest.split(b"\n", 3)
        answer = Answer(int(status), etag.decode(), zlib.decompress(body))
        return CallRecord(digest.decode(), answer=answer)
    fingerprint, applied = rest.decode().split("\n")
    if state == _APPLIED:
        return CallRecord(fingerprint, int(applied))
    _, _, packed = state.partition(b" ")
    details = orjson.loads(zlib.decompress(b64decode(packed))) if packed else {}
    return CallRecord(fingerprint, details=details)


def _pack_done(call: KeyedCall, details: Details) -> bytes:
    """Return the record of a change that was made and answered.

    The release before reads it as a change that was made long ago and never answered.
    """
    state = _DONE
    if details:
        state += b" " + b64encode(zlib.compress(orjson.dumps(details)))
    return b"%b\n%b\n0" % (state, call.fingerprint.encode())


def _pack_refused(call: KeyedCall, answer: Answer) -> bytes:
    head = f"{call.fingerprint}\n{answer.status}\n{answer.etag}\n".encode()
    return _ANSWERED + b"\n" + head + zlib.compress(answer.body)
