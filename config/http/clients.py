"""Who sends a request: the address that a client is judged by."""

import logging
import re
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

# What one client is given at least.
_CLIENT_PREFIX_LENGTH = 64
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]+)?", re.ASCII)
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+", re.ASCII)


def client_address(request: HttpRequest) -> str:
    """Return the address that the client is judged by, "" where the server knows none.

    With TRUSTED_PROXIES = n, it is the n-th entry from the right of X-Forwarded-For: what stands
    left of that is the client's own claim. A request which did not pass all n proxies, so that
    there is no such entry, or it is no address, is judged by the peer of the connection.
    """
    forwarded = _forwarded_address(request)
    if forwarded is not None:
        return str(forwarded)
    peer = str(request.META.get("REMOTE_ADDR", ""))
    return str(_parse_address(peer) or peer)


def client_network(request: HttpRequest) -> str:
    """Return what a limit by address counts the client by."""
    return network_of(client_address(request))


def network_of(address: str) -> str:
    """Return what a limit counts by: an IPv6 client has all of a /64 to itself."""
    parsed = _parse_address(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(ip_network((parsed, _CLIENT_PREFIX_LENGTH), strict=False))


def is_forwarded_by_others(request: HttpRequest) -> bool:
    """Tell whether some proxy passed it on that TRUSTED_PROXIES does not know of.

    Then the client's address is that proxy's, which may stand in a trusted network.
    """
    return "HTTP_X_FORWARDED_FOR" in request.META and _forwarded_address(request) is None


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
    # What a socket for both families calls a client that speaks IPv4.
    return getattr(address, "ipv4_mapped", None) or address


@cache
def _warn_of_unknown_proxy() -> None:
    logger.warning(
        "requests come with X-Forwarded-For, but TRUSTED_PROXIES is 0: behind a proxy, limits by"
        " address count all clients as one"
    )
