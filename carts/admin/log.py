"""The admin's pages of the change log, which may have millions of rows.

So no page counts the rows, and everything that can be searched for has an index.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.paginator import InfinitePaginator

from carts.admin.list.finding import find_users
from carts.admin.naming import (
    CHANGE_NAMES,
    SOURCE_NAMES,
    label_guest,
    name_change,
    name_source,
    page_url,
)
from carts.domain.cart import CartOwner
from carts.models import CartChange, Publication, UnreadableChange
from config.hashing import hash_by_every_key
from config.staff import PeriodFilter, ReadOnlyAdmin, StaffAdmin, find_username
from products.models import Sku


class _NameFilter(admin.SimpleListFilter):
    """By a column whose values have names in the reader's language."""

    names: ClassVar[Mapping[str, Any]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(self.names.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CartChange]
    ) -> QuerySet[CartChange]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ActionFilter(_NameFilter):
    """By what was done."""

    title = _("action")
    parameter_name = "action"
    names = CHANGE_NAMES


class SourceFilter(_NameFilter):
    """By what it was done through."""

    title = _("source")
    parameter_name = "source"
    names = SOURCE_NAMES


class _LogAdmin(ReadOnlyAdmin, StaffAdmin):
    """Rows that are only ever added, in pages that do not count them."""

    list_per_page = 50
    list_filter_submit = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = InfinitePaginator
    actions = None


@admin.register(CartChange)
class CartChangeAdmin(_LogAdmin):
    """Every change of a line of a cart, and what the staff did to carts as a whole."""

    list_display = ("moment", "done", "sku", "units", "owner", "by", "through", "cart")
    list_display_links = ("moment", "done")
    list_filter = (("at", PeriodFilter), ActionFilter, SourceFilter)
    list_fullwidth = True
    search_fields = ("=cart_id",)
    search_help_text = _("Cart id, SKU, request id, guest id, or a user's id, name or address")
    ordering = ("-at", "-id")
    fields = (
        ("moment", "done"),
        ("sku", "units"),
        ("owner", "cart"),
        ("by", "through"),
        ("request_id", "stream_id"),
        "version",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CartChange]:
        changes: QuerySet[CartChange] = super().get_queryset(request)
        skus = Sku.objects.filter(pk=OuterRef("sku_id"))
        return changes.annotate(
            username=find_username("owner_id", prefix=""),
            code=Subquery(skus.values("code")),
            staff=find_username("actor"),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CartChange], search_term: str
    ) -> tuple[QuerySet[CartChange], bool]:
        """Find changes by their cart, owner or SKU, and if there are none, by the request's id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        owners = [owner.id for owner in find_users(term)]
        owners += hash_by_every_key(CartOwner.for_guest(term).key)
        skus = Sku.objects.filter(Q(pk=term) | Q(code=term)).values_list("pk", flat=True)
        named = Q(cart_id=term) | Q(owner_id__in=[*owners, term]) | Q(sku_id__in=[*skus, term])
        found = queryset.filter(named)
        return (found if found.exists() else queryset.filter(request_id=term)), False

    @admin.display(description=_("Time"), ordering="at")
    def moment(self, change: CartChange) -> str:
        return f"{timezone.localtime(change.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("Action"))
    def done(self, change: CartChange) -> str:
        return name_change(change.action)

    @admin.display(description=_("SKU"))
    def sku(self, change: Any) -> str:
        if not change.code:
            return str(change.sku_id)
        return _link(reverse("admin:products_sku_change", args=[change.sku_id]), change.code)

    @admin.display(description=_("Units"))
    def units(self, change: CartChange) -> str:
        return f"{change.before} → {change.after}" if change.sku_id else ""

    @admin.display(description=_("Owner"))
    def owner(self, change: Any) -> str:
        if change.owner_kind == "guest":
            return label_guest(change.owner_id)
        return str(change.username or change.owner_id)

    @admin.display(description=_("By"))
    def by(self, change: Any) -> str:
        return str(change.staff or change.actor)

    @admin.display(description=_("Through"))
    def through(self, change: CartChange) -> str:
        return name_source(change.source)

    @admin.display(description=_("Cart"))
    def cart(self, change: CartChange) -> str:
        return _link(page_url(change.cart_id), change.cart_id)


@admin.register(UnreadableChange)
class UnreadableChangeAdmin(_LogAdmin):
    """Entries of the change stream that are no changes, and why."""

    list_display = ("set_aside_at", "stream_id", "reason", "shard")
    list_filter = (("set_aside_at", PeriodFilter),)
    search_fields = ("=stream_id", "reason")
    ordering = ("-set_aside_at", "-id")


@admin.register(Publication)
class PublicationAdmin(_LogAdmin):
    """How far the change log has been published."""

    list_display = ("channel", "last_id")


def _link(url: str, text: str) -> str:
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', url, text
    )
