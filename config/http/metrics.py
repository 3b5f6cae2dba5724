"""`/metrics` for Prometheus: how requests fare, and whatever the apps add.

Requests are counted by the process that serves them. Where PROMETHEUS_MULTIPROC_DIR names a
folder, as `config.server` sees to, each process keeps its figures in a file there and any of them
answers for all; otherwise a process answers for itself.
"""

import os
from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from config.http.context import client_address, is_forwarded_by_others
from config.http.envelope import refuse

# For collectors of the apps, which find out their figures when they are read.
app_registry = CollectorRegistry()

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


def count_request(route: str, method: str | None, status: int, seconds: float) -> None:
    """Count a request that was served. About 4 microseconds."""
    key = (route, method, status)
    series = _series.get(key)
    if series is None:
        series = _find_series(*key)
    requests, durations = series
    requests.inc()
    durations.observe(seconds)


def _find_series(route: str, method: str | None, status: int) -> tuple[Counter, Histogram]:
    known = method if method in _METHODS else "other"
    series = (_REQUESTS.labels(route, known, status), _SECONDS.labels(route, known))
    # Clients may invent methods without end.
    if known == method:
        _series[route, method, status] = series
    return series


@require_safe
@never_cache
def get_metrics(request: HttpRequest) -> HttpResponse:
    """Answer whoever METRICS_TOKEN or METRICS_NETWORKS lets read the figures."""
    if not _may_read(request):
        return refuse(status=403, message="Permission denied", error={"type": "permission_denied"})
    figures = generate_latest(_find_own_registry()) + generate_latest(app_registry)
    return HttpResponse(figures, content_type=CONTENT_TYPE_LATEST)


def _find_own_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _may_read(request: HttpRequest) -> bool:
    sent = request.META.get("HTTP_AUTHORIZATION", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    if settings.METRICS_TOKEN and compare_digest(sent.encode(errors="replace"), expected.encode()):
        return True
    if is_forwarded_by_others(request):
        return False
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)
