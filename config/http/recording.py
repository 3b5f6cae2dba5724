"""What is kept of every request: its name, a count, its time, and a line in the log."""

import logging
import re
import secrets
from contextvars import ContextVar

from django.http import HttpRequest
from prometheus_client import Counter, Histogram

logger = logging.getLogger("requests")

_SAFE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_current_id: ContextVar[str] = ContextVar("request_id", default="-")

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_REQUESTS = Counter(
    "http_requests", "Requests served, by the name of their route.", ["route", "method", "status"]
)
_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time to serve a request.",
    ["route", "method"],
    buckets=_BUCKETS,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Looking a labelled series up costs more than adding to it.
_series: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}

# Asked every few seconds by machines.
_UNLOGGED = frozenset({"healthz", "readyz", "metrics"})
_NO_ROUTE = "unmatched"


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
    """Return the id of the request or task that this thread works on, or "-" if there is none."""
    return _current_id.get()


def record_request(request: HttpRequest, status: int, seconds: float) -> None:
    """Count a request that was served, and log it."""
    match = request.resolver_match
    # Not the path, which may hold private data.
    route = match.view_name if match is not None else _NO_ROUTE
    key = (route, request.method, status)
    requests, durations = _series.get(key) or _find_series(*key)
    requests.inc()
    durations.observe(seconds)
    if logger.isEnabledFor(logging.INFO) and route not in _UNLOGGED:
        _log_request(request, route, status, seconds)


class RequestIdFilter(logging.Filter):
    """Give every log record the id of the request or task it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current_id.get()
        return True


def _find_series(route: str, method: str | None, status: int) -> tuple[Counter, Histogram]:
    known = method if method in _METHODS else "other"
    series = (_REQUESTS.labels(route, known, status), _SECONDS.labels(route, known))
    # Clients may invent methods without end.
    if known == method:
        _series[route, method, status] = series
    return series


def _log_request(request: HttpRequest, route: str, status: int, seconds: float) -> None:
    ms = round(seconds * 1_000, 1)
    owner = _name_owner_kind(request)
    logger.info(
        "%s %s %d in %.1f ms for %s",
        request.method, route, status, ms, owner,
        extra={
            "method": request.method, "route": route, "status": status, "ms": ms, "owner": owner,
        },
    )  # fmt: skip


def _name_owner_kind(request: HttpRequest) -> str:
    """Tell who makes the request, or whose cart it is about, as far as its headers claim."""
    if "HTTP_AUTHORIZATION" in request.META:
        return "key" if " sk_" in request.META["HTTP_AUTHORIZATION"] else "user"
    return "guest" if "HTTP_X_GUEST_ID" in request.META else "nobody"
