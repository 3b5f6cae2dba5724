"""Rate limits: a fixed window per subject, counted atomically in Redis.

A window lets through at most twice its limit around a boundary, which is the accepted inexactness.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from config.errors import ServiceError
from config.hashing import hash_secret
from config.stores.redis import Command, exchange, take_value

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

logger = logging.getLogger(__name__)

# KEYS[1] the counter; ARGV[1] the window in ms. Returns {count, ms until the window ends}.
_COUNT_SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

# KEYS[1] a counter, which may have run out meanwhile.
_TAKE_BACK_SCRIPT = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end
"""


@dataclass(eq=False)
class RateLimited(ServiceError):
    """Too many requests; the next one is welcome after `retry_after_seconds`."""

    code: ClassVar[str] = "rate_limited"
    message: ClassVar[str] = "Too many requests"

    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` requests by one subject in a window; 0 turns the limit off.

    `refusal` is what is raised beyond it.
    """

    name: str
    most: int
    window_ms: int = MINUTE_MS
    refusal: type[RateLimited] = RateLimited


@dataclass(eq=False)
class RateLimiterUnavailable(ServiceError):
    """The counters cannot be reached, and what they protect must not go unprotected."""

    code: ClassVar[str] = "rate_limiter_unavailable"
    message: ClassVar[str] = "Service is temporarily unavailable"


@dataclass(frozen=True, slots=True)
class Charge:
    """One request by `subject` counted against `limit`. The subject is hashed in the key."""

    limit: RateLimit
    subject: str

    @property
    def command(self) -> Command:
        """The Redis command that counts this request; its reply goes to `check`."""
        return ("EVAL", _COUNT_SCRIPT, 1, self._key, self.limit.window_ms)

    @property
    def undoing_command(self) -> Command:
        """The Redis command that counts this request no more."""
        return ("EVAL", _TAKE_BACK_SCRIPT, 1, self._key)

    def check(self, reply: Sequence[int]) -> None:
        """Raise the limit's refusal, RateLimited or one of its kind, if this request is over it."""
        count, remaining_ms = reply
        if count > self.limit.most:
            raise self.limit.refusal(retry_after_seconds=max(1, -(-remaining_ms // 1000)))

    @property
    def _key(self) -> str:
        return f"rate:{self.limit.name}:{hash_secret(self.subject)}"


def active_charges(charges: Sequence[Charge]) -> tuple[Charge, ...]:
    """Leave out the limits which are turned off."""
    return tuple(charge for charge in charges if charge.limit.most > 0)


def enforce_limits(charges: Sequence[Charge]) -> None:
    """Count a request against each limit, in one round trip.

    Raises RateLimited, and RateLimiterUnavailable when Redis cannot be asked.
    """
    charges = active_charges(charges)
    replies = _execute([charge.command for charge in charges])
    for charge, reply in zip(charges, replies, strict=True):
        charge.check(reply)


def enforce_limits_if_counted(charges: Sequence[Charge]) -> None:
    """Count a request that needs the database alone, and is served while nothing can be counted.

    Raises RateLimited.
    """
    try:
        enforce_limits(charges)
    except RateLimiterUnavailable:
        logger.warning("a request goes uncounted: rate limiter unavailable")


def take_back(charges: Sequence[Charge]) -> None:
    """Count a request no more that was within its limits, in one round trip.

    Raises RateLimiterUnavailable.
    """
    _execute([charge.undoing_command for charge in active_charges(charges)])


def _execute(commands: Sequence[Command]) -> list[Any]:
    if not commands:
        return []
    try:
        replies = exchange(get_redis_connection("default"), commands)
        return [take_value(reply) for reply in replies]
    except RedisError as error:
        raise RateLimiterUnavailable from error
