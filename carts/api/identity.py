"""Who is asking: from a request to the owner of the cart it acts on."""

import re
from typing import Protocol, cast

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from carts.domain.cart import Access, CartOwner
from carts.domain.errors import GuestIdRequired, InvalidGuestId
from config.http.context import GUEST_ID_PATTERN


class _Bearer(Protocol):
    """Whoever a valid token names; authentication is a setting, so its own class is not known."""

    id: str
    access: Access


_GUEST_ID = re.compile(GUEST_ID_PATTERN, re.ASCII)
# What a script sends that has no id: everybody it runs for would share one cart.
_NOBODYS_ID = "undefined"


def identify_owner(request: Request) -> CartOwner:
    """Return the user of a valid token, else the guest of X-Guest-ID.

    Raises AuthenticationFailed for a bad token, guest id or not; GuestIdRequired; InvalidGuestId.
    """
    bearer = _read_bearer(request)
    if bearer is not None:
        return CartOwner.for_user(bearer.id, bearer.access)
    guest_id = read_guest_id(request)
    if guest_id is None:
        raise GuestIdRequired
    return CartOwner.for_guest(guest_id)


def identify_user(request: Request) -> CartOwner:
    """Return the user of a valid token; raises NotAuthenticated without one."""
    bearer = _read_bearer(request)
    if bearer is None:
        raise NotAuthenticated
    return CartOwner.for_user(bearer.id, bearer.access)


def read_guest_id(request: Request) -> str | None:
    """Return the guest id of the request, None without one; raises InvalidGuestId."""
    sent = request.META.get("HTTP_X_GUEST_ID")
    return None if sent is None or sent == "" else parse_guest_id(sent)


def parse_guest_id(text: str) -> str:
    """Return the text if it can be a guest id; raises InvalidGuestId."""
    if not _GUEST_ID.fullmatch(text) or text.lower() == _NOBODYS_ID:
        raise InvalidGuestId
    return text


def _read_bearer(request: Request) -> _Bearer | None:
    return cast("_Bearer | None", request.user)
