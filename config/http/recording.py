"""What is kept of every request: a count, its time, and a line in the log."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.http.metrics import count_request

logger = logging.getLogger("requests")

# Asked every few seconds by machines.
_UNLOGGED = frozenset({"healthz", "readyz", "metrics"})
_NO_ROUTE = "unmatched"


class RecordingMiddleware:
    """Count, time and log requests; the first of all, so that none goes unseen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = perf_counter()
        response = self.get_response(request)
        seconds = perf_counter() - begun
        match = request.resolver_match
        route = match.view_name if match is not None else _NO_ROUTE
        count_request(route, request.method, response.status_code, seconds)
        if logger.isEnabledFor(logging.INFO) and route not in _UNLOGGED:
            _log_request(request, route, response.status_code, seconds)
        return response


def _log_request(request: HttpRequest, route: str, status: int, seconds: float) -> None:
    """Log a request by its route: a path may hold what is nobody's business."""
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
    """Tell whose cart the request claims to be about, as far as its headers say."""
    if "HTTP_AUTHORIZATION" in request.META:
        return "user"
    return "guest" if "HTTP_X_GUEST_ID" in request.META else "nobody"
