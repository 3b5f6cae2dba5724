"""Whether this process is up, and whether it is ready: `/healthz` and `/readyz`."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.http.envelope import answer, refuse
from config.stores.readiness import describe_postgresql, describe_redis


@require_safe
@never_cache
def get_health(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process serves; no store is asked."""
    return answer({"status": "up"})


@require_safe
@never_cache
def get_readiness(request: HttpRequest) -> HttpResponse:
    """Answer 200 if both stores take changes and keep them; `checks` says what is wrong."""
    redis, redis_ready = describe_redis()
    postgresql, postgresql_ready = describe_postgresql()
    checks = {"postgresql": postgresql, "redis": redis}
    if redis_ready and postgresql_ready:
        return answer({"status": "ready", "checks": checks})
    return refuse(
        status=503,
        message="Not ready",
        error={"type": "not_ready", "checks": checks},
        headers={"Retry-After": "1"},
    )
