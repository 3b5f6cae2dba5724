"""The filters of the list of carts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from carts.admin import lookups
from carts.admin.naming import are_active_of
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.models import Cart


class OwnerFilter(admin.SimpleListFilter):
    """Users or guests."""

    title = _("owner")
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("user", _("Users")), ("guest", _("Guests"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        match self.value():
            case "user":
                return queryset.filter(user__isnull=False)
            case "guest":
                return queryset.filter(session_id__isnull=False)
        return queryset


class ChangedFilter(admin.SimpleListFilter):
    """When a cart last changed."""

    title = _("changed")
    parameter_name = "changed"

    _spans = {
        "hour": timedelta(hours=1),
        "day": timedelta(days=1),
        "week": timedelta(days=7),
        "month": timedelta(days=30),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("hour", _("In the last hour")),
            ("day", _("In the last 24 hours")),
            ("week", _("In the last 7 days")),
            ("month", _("In the last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        span = self._spans.get(self.value() or "")
        return queryset if span is None else queryset.filter(updated_at__gte=timezone.now() - span)


class _ListedFilter(admin.SimpleListFilter):
    """One of the live store's lists of carts: at most 5,000 of them.

    The list names those without a copy above its rows.
    """

    choice: Promise
    list_owners: Callable[[], list[CartOwner]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", self.choice)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cart]) -> QuerySet[Cart]:
        if self.value() != "yes":
            return queryset
        try:
            owners = self.list_owners()
        except CartStoreUnavailable:
            return queryset.none()
        return queryset.filter(are_active_of(owners))


class UnsavedFilter(_ListedFilter):
    """Changed since they were saved: the carts that became unsaved last."""

    title = _("saved")
    parameter_name = "unsaved"
    choice = _("Unsaved now")
    list_owners = staticmethod(lookups.list_newest_unsaved)


class DriftFilter(_ListedFilter):
    """Found to differ from their copies, and not mended since."""

    title = _("drift")
    parameter_name = "drifted"
    choice = _("Drifted apart")
    list_owners = staticmethod(lookups.list_drifted)
