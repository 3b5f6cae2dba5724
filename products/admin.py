"""The catalogue in the admin.

Deleting a product or a SKU only marks it: carts, orders and revisions refer to it for ever.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import IntegrityError
from django.db.models import Count, IntegerField, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display

from config.staff import (
    PeriodFilter,
    ReadOnlyAdmin,
    StaffAdmin,
    StrictActions,
    find_username,
    name_actor,
)
from config.stores.database import change_rows, in_transaction, lock_rows
from products.models import (
    Merchant,
    Product,
    ShelfStatus,
    Sku,
    SkuRevision,
    StockChange,
    StockReason,
)
from products.stock import Cause, adjust
from products.stock_form import StockForm


class SkuForm(ModelForm):  # type: ignore[type-arg]
    """A SKU's form. Sales may change the stock meanwhile, so it has a page of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "stock" in self.fields and not self.instance._state.adding:
            self.fields["stock"].disabled = True
            self.fields["stock"].help_text = _("Changed by sales, and by “Adjust stock”.")


class SkuInline(TabularInline):  # type: ignore[misc]
    """A product's SKUs on its page. Those not wanted any more are marked as deleted."""

    model = Sku
    form = SkuForm
    fields = (
        "code",
        "attributes",
        "price",
        "original_price",
        "stock",
        "tracks_stock",
        "purchase_limit",
        "barcode",
        "is_active",
        "is_deleted",
    )
    extra = 0
    can_delete = False
    show_change_link = True


class RevisionInline(ReadOnlyAdmin, TabularInline):  # type: ignore[misc]
    """What a SKU was called and cost, on its page."""

    model = SkuRevision
    fields = readonly_fields = ("id", "name", "image", "price", "created_at")
    extra = 0
    per_page = 20
    hide_title = True
    tab = True


class _StockChanges(ReadOnlyAdmin):
    """Shows who made each change by name."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockChange]:
        changes: QuerySet[StockChange] = super().get_queryset(request)  # type: ignore[misc]
        return changes.annotate(username=find_username("actor"))

    @admin.display(description=_("By"))
    def person(self, change: Any) -> str:
        return str(change.username or change.actor)


class StockChangeInline(_StockChanges, TabularInline):  # type: ignore[misc]
    """How the staff changed a SKU's stock, on its page."""

    model = StockChange
    fields = readonly_fields = ("at", "before", "after", "reason", "note", "person")
    extra = 0
    per_page = 20
    hide_title = True
    tab = True


class _Contended(StaffAdmin):
    """A form that changes rows which are being sold, by itself or through triggers."""

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        if request.method != "POST":
            return super().changeform_view(request, *args, **options)
        return in_transaction(super().changeform_view)(request, *args, **options)


class _LogicalDeletion(StrictActions, _Contended):
    """Deleting sets `is_deleted`, and the action `restore` takes that back."""

    actions: tuple[str, ...] = ("restore",)
    show_full_result_count = False

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name only the rows themselves: what refers to them stays, and prevents no deletion."""
        names = [str(each) for each in objs]
        needed = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        return names, {str(self.opts.verbose_name_plural): len(names)}, needed, []

    def delete_model(self, request: HttpRequest, obj: Product | Sku) -> None:
        obj.is_deleted = True
        obj.save(update_fields=["is_deleted", "updated_at"])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        change_rows(queryset, is_deleted=True, updated_at=timezone.now())

    @display(  # type: ignore[untyped-decorator]
        description=_("Deleted"), ordering="is_deleted", label={"yes": "danger"}
    )
    def show_deleted(self, row: Product | Sku) -> tuple[str, Any] | None:
        return ("yes", _("Deleted")) if row.is_deleted else None

    @admin.action(description=_("Restore deleted"), permissions=["delete"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        try:
            self._change(request, queryset.filter(is_deleted=True), {"is_deleted": False})
        except IntegrityError:
            taken = _("Nothing was restored: another row has such a code or external id by now.")
            self.message_user(request, taken, messages.ERROR)

    def _change(
        self, request: HttpRequest, queryset: QuerySet[Any], values: dict[str, Any]
    ) -> None:
        changed = list(queryset)
        rows = queryset.model.objects.filter(pk__in=[each.pk for each in changed])
        change_rows(rows, **values, updated_at=timezone.now())
        message = [{"changed": {"fields": list(values)}}]
        LogEntry.objects.log_actions(str(request.user.pk), changed, CHANGE, message)
        self.message_user(request, _("%(count)d changed.") % {"count": len(changed)})


@admin.register(Merchant)
class MerchantAdmin(_Contended):
    """Merchants. One that has products cannot be deleted."""

    list_display = ("name", "id", "product_count", "created_at")
    search_fields = ("=id", "name")
    readonly_fields = ("id", "created_at", "updated_at")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merchant]:
        merchants: QuerySet[Merchant] = super().get_queryset(request)
        return merchants.annotate(product_count=Count("products"))

    @admin.display(description=_("Products"), ordering="product_count")
    def product_count(self, merchant: Any) -> int:
        return int(merchant.product_count)


@admin.register(Product)
class ProductAdmin(_LogicalDeletion):
    """Products with their SKUs."""

    actions = ("put_on_shelf", "take_off_shelf", "restore")
    list_display = (
        "preview",
        "name",
        "merchant",
        "status",
        "show_deleted",
        "sku_count",
        "total_stock",
        "created_at",
    )
    list_display_links = ("name",)
    list_filter = ("status", "is_deleted", "created_at")
    list_select_related = ("merchant",)
    search_fields = ("=id", "external_id", "name", "merchant__name", "skus__code", "skus__barcode")
    autocomplete_fields = ("merchant",)
    readonly_fields = ("id", "preview", "created_at", "updated_at")
    fields = (
        "id",
        "external_id",
        "merchant",
        "name",
        "description",
        "preview",
        "images",
        "translations",
        "status",
        "is_deleted",
        "created_at",
        "updated_at",
    )
    inlines = (SkuInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        products: QuerySet[Product] = super().get_queryset(request)
        skus = Sku.objects.active().filter(product=OuterRef("pk")).order_by().values("product")
        return products.annotate(
            sku_count=_count_or_zero(skus.annotate(figure=Count("pk"))),
            total_stock=_count_or_zero(skus.annotate(figure=Sum("stock"))),
        )

    def save_formset(
        self,
        request: HttpRequest,
        form: "ModelForm[Product]",
        formset: "BaseModelFormSet[Sku, ModelForm[Sku]]",
        change: bool,
    ) -> None:
        formset.save(commit=False)
        lock_rows(Sku.objects.filter(product=form.instance))
        for sku in formset.new_objects:
            _add_sku(sku, request)
        for sku, changed_fields in formset.changed_objects:
            sku.save(update_fields=[*changed_fields, "updated_at"])

    @admin.display(description=_("Preview"))
    def preview(self, product: Product) -> str:
        # A refused form is shown again with what was typed, which may be no list.
        if not isinstance(product.images, list) or not product.images:
            return ""
        return format_html(
            '<img src="{}" alt="" width="48" height="48" loading="lazy">', product.images[0]
        )

    @admin.display(description=_("Active SKUs"), ordering="sku_count")
    def sku_count(self, product: Any) -> int:
        return int(product.sku_count)

    @admin.display(description=_("Stock"), ordering="total_stock")
    def total_stock(self, product: Any) -> int:
        return int(product.total_stock)

    @admin.action(description=_("Put on shelf"), permissions=["change"])
    def put_on_shelf(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change(request, queryset, {"status": ShelfStatus.ON.value})

    @admin.action(description=_("Take off shelf"), permissions=["change"])
    def take_off_shelf(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._change(request, queryset, {"status": ShelfStatus.OFF.value})


class StockFilter(admin.SimpleListFilter):
    """By what is left."""

    title = _("stock")
    parameter_name = "has_stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In stock")), ("no", _("Sold out"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Sku]) -> QuerySet[Sku]:
        match self.value():
            case "yes":
                return queryset.filter(stock__gt=0)
            case "no":
                return queryset.filter(stock=0)
        return queryset


@admin.register(Sku)
class SkuAdmin(_LogicalDeletion):
    """SKUs with their history, and a page to change their stock."""

    form = SkuForm
    actions_detail = actions_row = ("adjust_stock",)
    list_display = (
        "code",
        "product",
        "price",
        "original_price",
        "stock",
        "purchase_limit",
        "is_active",
        "show_deleted",
        "revision",
    )
    list_filter = (
        "is_active",
        "is_deleted",
        StockFilter,
        ("purchase_limit", admin.EmptyFieldListFilter),
    )
    list_select_related = ("product",)
    search_fields = ("=id", "code", "barcode", "product__name")
    autocomplete_fields = ("product",)
    readonly_fields = ("id", "revision", "created_at", "updated_at")
    inlines = (StockChangeInline, RevisionInline)

    def save_model(
        self, request: HttpRequest, obj: Sku, form: "ModelForm[Sku]", change: bool
    ) -> None:
        if not change:
            _add_sku(obj, request)
            return
        obj.save(update_fields=[*form.changed_data, "updated_at"])

    def has_adjust_stock_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("products.adjust_stock")

    @action(  # type: ignore[untyped-decorator]
        description=_("Adjust stock"),
        permissions=["adjust_stock"],
        url_path="adjust-stock",
        icon="swap_vert",
    )
    def adjust_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form for a SKU's stock, and do what it says."""
        sku = get_object_or_404(Sku.objects.select_related("product"), pk=object_id)
        form = StockForm(request.POST or None, sku=sku)
        if form.is_valid():
            change = form.change_stock(actor=name_actor(request), now=timezone.now())
            if change is not None:
                self.log_change(request, sku, [{"changed": {"fields": ["stock"]}}])
                done = _("%(sku)s: stock %(change)s") % {"sku": sku, "change": change}
                self.message_user(request, done, messages.SUCCESS)
                return redirect("admin:products_sku_change", sku.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Adjust stock"),
            "opts": self.opts,
            "sku": sku,
            "form": form,
        }
        return TemplateResponse(request, "admin/products/sku/adjust_stock.html", context)


@admin.register(StockChange)
class StockChangeAdmin(_StockChanges, StaffAdmin):
    """Every change of a stock by the staff."""

    list_display = ("at", "sku", "before", "after", "reason", "note", "person")
    list_filter = (("at", PeriodFilter), "reason")
    list_filter_submit = True
    list_select_related = ("sku",)
    list_per_page = 50
    search_fields = ("=sku__id", "sku__code")
    ordering = ("-at", "-id")
    show_full_result_count = False


def _add_sku(sku: Sku, request: HttpRequest) -> None:
    """Write a new SKU, and its first stock as a change like any other."""
    units, sku.stock = sku.stock, 0
    sku.save()
    if units:
        cause = Cause(StockReason.INITIAL, "", name_actor(request))
        adjust(sku_id=sku.pk, units=units, cause=cause, now=timezone.now())


def _count_or_zero(figures: QuerySet[Any, Any]) -> Coalesce:
    counted = Subquery(figures.values("figure"), output_field=IntegerField())
    return Coalesce(counted, 0)
