"""Every route, by app."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from accounts import admin_login
from config.admin.forbidden import show_forbidden
from config.http.documentation import DocumentationView, get_schema
from config.http.health import get_health, get_readiness
from config.http.metrics import get_metrics
from config.shop.policy import DOCUMENTATION_POLICY, with_policy
from config.shop.views import show_bad_request, show_failure, show_not_found

show_docs = with_policy(DOCUMENTATION_POLICY)(DocumentationView.as_view())

urlpatterns = [
    path("api/", include("carts.api.urls")),
    path("api/", include("products.api.urls")),
    path("api/", include("accounts.api.urls")),
    path("api/", include("orders.api.urls")),
    path("api/schema", get_schema, name="schema"),
    path("api/docs", show_docs, name="docs"),
    # Replaces admin's own login page, which lets passwords be tried without a limit.
    path("admin/login/", admin_login.log_in),
    path("admin/password_change/", admin_login.change_password),
    path("admin/", admin.site.urls),
    path("healthz", get_health, name="healthz"),
    path("readyz", get_readiness, name="readyz"),
    path("metrics", get_metrics, name="metrics"),
    path("language", set_language, name="set_language"),
    path("", include("config.shop.urls")),
]

handler400 = show_bad_request
handler403 = show_forbidden
handler404 = show_not_found
handler500 = show_failure
