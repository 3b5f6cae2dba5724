"""Rate limits, counted in Redis by fixed windows, and the address by which clients are counted.

Around the end of a window, at most twice the limit comes through; that is accepted.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from config.errors import UNAVAILABLE, ServiceError
from config.hashing import hash_secret
from config.stores.redis import Command, exchange, take_value

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

logger = logging.getLogger(__name__)

# A provider gives each client at least a /64.
_CLIENT_PREFIX_LENGTH = 64
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]+)?", re.ASCII)
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+", re.ASCII)

# KEYS[1] the counter; ARGV[1] the window in ms. Returns {count, ms until the window ends}.
_COUNT_SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

# KEYS[1] a counter, which may have expired meanwhile.
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
    """The counters cannot be reached, and the call must not go unprotected."""

    code: ClassVar[str] = "rate_limiter_unavailable"
    message: ClassVar[str] = UNAVAILABLE


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
        """The Redis command that takes this request off the count."""
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
    """Count a request against each limit, and let it pass uncounted when Redis cannot be asked.

    For requests that only need the database. Raises RateLimited.
    """
    try:
        enforce_limits(charges)
    except RateLimiterUnavailable:
        logger.warning("a request goes uncounted: rate limiter unavailable")


def take_back(charges: Sequence[Charge]) -> None:
    """Take a request that was within its limits off their counts, in one round trip.

    Raises RateLimiterUnavailable.
    """
    _execute([charge.undoing_command for charge in active_charges(charges)])


def client_address(request: HttpRequest) -> str:
    """Return the address that the client is judged by, "" where the server knows none.

    With TRUSTED_PROXIES = n, that is the n-th entry from the right of X-Forwarded-For: what stands
    left of it is the client's own claim. If there is no such entry, because the request did not
    pass all n proxies, or if it is no address, the result is the peer of the connection.
    """
    forwarded = _forwarded_address(request)
    if forwarded is not None:
        return str(forwarded)
    peer = str(request.META.get("REMOTE_ADDR", ""))
    return str(_parse_address(peer) or peer)


def client_network(request: HttpRequest) -> str:
    """Return the network by which a limit counts the client."""
    return network_of(client_address(request))


def network_of(address: str) -> str:
    """Return the network by which a limit counts: an IPv6 client has a whole /64 to itself."""
    parsed = _parse_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(ip_network((parsed, _CLIENT_PREFIX_LENGTH), strict=False))


def is_forwarded_by_others(request: HttpRequest) -> bool:
    """Tell whether the request came by a proxy that TRUSTED_PROXIES does not count.

    The client's address is then that proxy's, which may stand in a trusted network.
    """
    return "HTTP_X_FORWARDED_FOR" in request.META and _forwarded_address(request) is None


def _execute(commands: Sequence[Command]) -> list[Any]:
    if not commands:
        return []
    try:
        replies = exchange(get_redis_connection("default"), commands)
        return [take_value(reply) for reply in replies]
    except RedisError as error:
        raise RateLimiterUnavailable from error


def _forwarded_address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    header = request.META.get("HTTP_X_FORWARDED_FOR")
    if header is None:
        return None
    proxies: int = settings.TRUSTED_PROXIES
    if not proxies:
        _warn_of_unknown_proxy()
        return None
    hops = header.split(",")
    return _parse_address(hops[-proxies]) if len(hops) >= proxies else None


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it: with or without a port, IPv6 perhaps in brackets."""
    text = text.strip()
    if match := _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text):
        text = match[1]
    try:
        # A zone names an interface of whoever wrote it.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows an IPv4 client by such an address.
    return getattr(address, "ipv4_mapped", None) or address


@cache
def _warn_of_unknown_proxy() -> None:
    logger.warning(
        "requests come with X-Forwarded-For, but TRUSTED_PROXIES is 0: behind a proxy, limits by"
        " address count all clients as one"
    )
