"""Every route, by app."""

from django.contrib import admin
from django.urls import include, path

from config.http.documentation import DocumentationView, get_schema
from config.http.health import get_health, get_readiness

urlpatterns = [
    path("api/", include("carts.api.urls")),
    path("api/", include("products.urls")),
    path("api/", include("accounts.urls")),
    path("api/schema", get_schema, name="schema"),
    path("api/docs", DocumentationView.as_view(), name="docs"),
    path("admin/", admin.site.urls),
    path("healthz", get_health, name="healthz"),
    path("readyz", get_readiness, name="readyz"),
]
