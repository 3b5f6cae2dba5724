"""The demo shop's routes, at the root."""

from django.urls import URLPattern, path
from django.views.i18n import JavaScriptCatalog

from config.shop.views import show_page

app_name = "shop"


def _page(route: str, name: str) -> URLPattern:
    return path(route, show_page, {"template": f"shop/{name}.html"}, name=name)


urlpatterns = [
    _page("", "catalog"),
    _page("products/<str:product_id>", "product"),
    _page("cart", "cart"),
    _page("checkout", "checkout"),
    _page("orders", "orders"),
    _page("orders/<str:order_id>", "order"),
    _page("login", "login"),
    _page("register", "register"),
    path("messages.js", JavaScriptCatalog.as_view(packages=["config"]), name="messages"),
]
