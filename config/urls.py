"""Every route, by app."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.http.health import get_health, get_readiness

urlpatterns = [
    path("api/", include("carts.api.urls")),
    path("api/", include("products.urls")),
    path("api/", include("accounts.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
    path("healthz", get_health, name="healthz"),
    path("readyz", get_readiness, name="readyz"),
]
