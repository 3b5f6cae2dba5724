"""The menu beside every page of the admin."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Group:
    """Models under a title, each as its label with the name of a Material symbol."""

    title: Promise
    models: tuple[tuple[str, str], ...]


_GROUPS = (
    Group(
        _("Carts"),
        (
            ("carts.cart", "shopping_cart"),
            ("carts.cartchange", "history"),
            ("carts.unreadablechange", "report"),
            ("carts.publication", "outbox"),
        ),
    ),
    Group(_("Orders"), (("orders.order", "receipt_long"), ("orders.payment", "payments"))),
    Group(
        _("Catalogue"),
        (
            ("products.product", "inventory_2"),
            ("products.sku", "barcode"),
            ("products.stockchange", "swap_vert"),
            ("products.merchant", "storefront"),
        ),
    ),
    Group(
        _("Accounts"),
        (
            ("accounts.user", "person"),
            ("auth.group", "group"),
            ("accounts.servicekey", "key"),
        ),
    ),
    Group(
        _("Operations"),
        (
            ("django_celery_beat.periodictask", "schedule"),
            ("django_celery_beat.intervalschedule", "timer"),
            ("django_celery_beat.crontabschedule", "calendar_month"),
        ),
    ),
)


def name_apps() -> None:
    """Give each app the name that it has in the menu, for the path above a page."""
    for group in _GROUPS:
        for label, _icon in group.models:
            config: Any = apps.get_app_config(label.partition(".")[0])
            config.verbose_name = group.title


def list_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of pages that the member of staff may see, for the theme."""
    dashboard = {"title": _("Dashboard"), "icon": "dashboard", "link": reverse("admin:index")}
    groups = [
        {
            "title": group.title,
            "separator": True,
            "items": [
                _describe_page(label, icon)
                for label, icon in group.models
                if _is_visible(label, request)
            ],
        }
        for group in _GROUPS
    ]
    return [{"items": [dashboard]}, *(group for group in groups if group["items"])]


def _is_visible(label: str, request: HttpRequest) -> bool:
    model = apps.get_model(label)
    return admin.site.is_registered(model) and admin.site.get_model_admin(
        model
    ).has_view_permission(request)


def _describe_page(label: str, icon: str) -> dict[str, Any]:
    options = apps.get_model(label)._meta
    return {
        "title": capfirst(str(options.verbose_name_plural)),
        "icon": icon,
        "link": reverse(f"admin:{options.app_label}_{options.model_name}_changelist"),
    }
