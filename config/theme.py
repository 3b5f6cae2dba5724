"""How the admin looks: the settings of django-unfold."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

THEME: dict[str, Any] = {
    "SITE_TITLE": "Cartwright",
    "SITE_HEADER": "Cartwright",
    "SITE_SUBHEADER": _("Shop administration"),
    "SITE_ICON": lambda request: static("shop/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/icon.svg")}
    ],
    "LOGIN": {"form": "accounts.admin_login.LoginForm"},
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("staff/admin.css")],
    "SCRIPTS": [lambda request: static("staff/admin.js")],
    "DASHBOARD_CALLBACK": "config.admin.dashboard.add_dashboard",
    "SIDEBAR": {"navigation": "config.admin.navigation.list_navigation"},
    # The shop's own colours: clay on warm greys.
    "COLORS": {
        "base": {
            "50": "#faf8f5",
            "100": "#f3efe9",
            "200": "#e6dfd6",
            "300": "#d3c9bd",
            "400": "#a3988b",
            "500": "#71675d",
            "600": "#5c534a",
            "700": "#463f38",
            "800": "#2f2a25",
            "900": "#211d19",
            "950": "#171411",
        },
        "primary": {
            "50": "#fdf4ef",
            "100": "#fbe6db",
            "200": "#f6cab5",
            "300": "#f0a685",
            "400": "#ec8459",
            "500": "#e36a3e",
            "600": "#b8431a",
            "700": "#983614",
            "800": "#7b2d13",
            "900": "#642813",
            "950": "#371206",
        },
    },
}
