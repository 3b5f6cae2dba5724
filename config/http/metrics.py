"""`/metrics` for Prometheus: how requests fare, and whatever the apps add.

Requests are counted by the process that serves them. If PROMETHEUS_MULTIPROC_DIR names a folder, as
under `config.server`, each process keeps its figures in a file there, and any process answers for
all; otherwise a process answers for itself.
"""

import os
from hmac import compare_digest
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from config.http.envelope import refuse
from config.http.ratelimit import client_address, is_forwarded_by_others

# For collectors of the apps, which compute their figures when they are read.
app_registry = CollectorRegistry()


@require_safe
@never_cache
def get_metrics(request: HttpRequest) -> HttpResponse:
    """Show the figures to those whom METRICS_TOKEN or METRICS_NETWORKS allows."""
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
