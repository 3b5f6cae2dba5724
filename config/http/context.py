"""What is known of the request or task under way: its id, and the address it came from."""

import logging
import re
import secrets
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest

_SAFE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_current_id: ContextVar[str] = ContextVar("request_id", default="-")


def begin_request(request: HttpRequest) -> str:
    """Name the request by its X-Request-ID if that is harmless (1..64), else by a new id."""
    sent = request.META.get("HTTP_X_REQUEST_ID", "")
    name = sent if _SAFE_ID.fullmatch(sent) else secrets.token_hex(8)
    _current_id.set(name)
    return name


def begin_task(task_id: str) -> None:
    """Let log lines name the task by its id, as they name a request."""
    _current_id.set(task_id)


def current_request_id() -> str:
    """Return the id of the request or task that this thread is at, or "-" outside one."""
    return _current_id.get()


def client_address(request: HttpRequest) -> str:
    """Return the client's address, as the outermost trusted proxy saw it.

    With TRUSTED_PROXIES = n, the n-th entry from the right of X-Forwarded-For; what stands left of
    it is the client's own claim.
    """
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    if not proxies or not forwarded:
        return str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in forwarded.split(",")]
    return hops[-min(proxies, len(hops))]


class RequestIdFilter(logging.Filter):
    """Give every log record the id of the request or task it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current_id.get()
        return True
