"""Orders and payments for the staff: to read, and to move on by what `orders.lifecycle` allows."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from carts.admin.moments import Cell, show_moment
from carts.admin.naming import owner_url
from carts.admin.sections import Section, register_finder, register_section
from carts.domain.cart import CartOwner
from carts.operations import is_settled
from config.staff import ReadOnlyAdmin, StaffAdmin, StrictActions, find_username, name_actor
from orders.errors import InvalidTransition
from orders.lifecycle import TRANSITIONS, cancel_order, complete_order, pay_order, ship_order
from orders.models import Order, OrderEvent, OrderItem, OrderStatus, Payment

_ON_CART_PAGE = 10
_MOVE_URL = "orders_order_move"
# The status that each action gives an order.
_LEADS_TO = {
    "mark_paid": OrderStatus.PAID,
    "mark_shipped": OrderStatus.SHIPPED,
    "mark_completed": OrderStatus.COMPLETED,
    "mark_cancelled": OrderStatus.CANCELLED,
}


class OrderItemInline(ReadOnlyAdmin, TabularInline):  # type: ignore[misc]
    """What was sold, as it was sold."""

    model = OrderItem
    fields = ("name", "sku_code", "merchant_name", "price", "quantity")
    extra = 0
    hide_title = True


class OrderEventInline(ReadOnlyAdmin, TabularInline):  # type: ignore[misc]
    """What became of the order, and by whom."""

    model = OrderEvent
    fields = readonly_fields = ("created_at", "from_status", "to_status", "person")
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        events: QuerySet[OrderEvent] = super().get_queryset(request)
        return events.annotate(username=find_username("actor"))

    @admin.display(description=_("By"))
    def person(self, event: Any) -> str:
        return str(event.username or event.actor)


class PaymentInline(ReadOnlyAdmin, TabularInline):  # type: ignore[misc]
    """What was paid for the order."""

    model = Payment
    fields = ("received_at", "event_id", "amount", "currency", "flag")
    extra = 0
    hide_title = True


@admin.register(Order)
class OrderAdmin(StrictActions, ReadOnlyAdmin, StaffAdmin):
    """Orders. Each action needs a permission of its own, and is logged with who took it.

    An order's page offers those that its status allows, the list all of them.
    """

    list_display = (
        "number",
        "user",
        "status",
        "total_amount",
        "currency",
        "item_count",
        "created_at",
    )
    list_filter = ("status", ("created_at", admin.DateFieldListFilter), "line_return")
    # A cart's page leads to all orders of its owner.
    list_lookups = ("user__exact",)
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("=id", "number", "user__username", "user__email", "contact__email")
    search_help_text = _("Order number, username or email address")
    show_full_result_count = False
    date_hierarchy = "created_at"
    # Not `buyer`: a guest's id is a secret.
    fields = (
        "number",
        "user",
        "status",
        ("total_amount", "currency", "item_count"),
        "cart",
        "show_contact",
        "show_address",
        "note",
        ("created_at", "expires_at"),
        ("paid_at", "cancelled_at"),
        ("has_left", "line_return"),
    )
    readonly_fields = ("cart", "show_contact", "show_address", "has_left")
    inlines = (OrderItemInline, OrderEventInline, PaymentInline)
    actions = tuple(_LEADS_TO)
    change_form_outer_before_template = "admin/orders/order/moves.html"

    def get_urls(self) -> list[Any]:
        move = self.admin_site.admin_view(self.move_view)
        return [path("<str:object_id>/do/", move, name=_MOVE_URL), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        allowed = TRANSITIONS[OrderStatus(context["original"].status)]
        moves = [
            (name, label)
            for _function, name, label in self.get_actions(request).values()
            if _LEADS_TO.get(name) in allowed
        ]
        page: HttpResponse = super().render_change_form(
            request, context | {"moves": moves}, *args, **options
        )
        return page

    def move_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take one of the list's actions for one order, and come back to its page."""
        order_page = redirect("admin:orders_order_change", object_id)
        if request.method != "POST":
            return order_page
        action = self.get_actions(request).get(request.POST.get("action", ""))
        if action is None or not self.has_view_permission(request):
            raise PermissionDenied
        order = get_object_or_404(Order, pk=object_id)
        answer: HttpResponse | None = action[0](self, request, Order.objects.filter(pk=order.pk))
        return answer or order_page

    @admin.display(description=_("Cart"))
    def cart(self, order: Order) -> str:
        return format_html(
            '<a href="{}" class="text-primary-600 dark:text-primary-500 underline">{}</a>',
            owner_url(order.owner),
            gettext("The present cart"),
        )

    @admin.display(description=_("contact"))
    def show_contact(self, order: Order) -> str | None:
        return _show_details(order.contact)

    @admin.display(description=_("shipping address"))
    def show_address(self, order: Order) -> str | None:
        return _show_details(order.shipping_address)

    @admin.display(description=_("taken out of the cart"), boolean=True)
    def has_left(self, order: Order) -> bool:
        return is_settled(order.pk)

    @admin.action(description=_("Mark as paid"), permissions=("pay",))
    def mark_paid(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_on(request, orders, pay_order)

    @admin.action(description=_("Mark as shipped"), permissions=("ship",))
    def mark_shipped(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_on(request, orders, ship_order)

    @admin.action(description=_("Mark as completed"), permissions=("complete",))
    def mark_completed(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._move_on(request, orders, complete_order)

    @admin.action(description=_("Cancel order…"), permissions=("cancel",))
    def mark_cancelled(
        self, request: HttpRequest, orders: QuerySet[Order]
    ) -> TemplateResponse | None:
        """Cancel orders once that has been confirmed."""
        if "post" in request.POST:
            self._move_on(request, orders, cancel_order)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Cancel orders"),
            "opts": self.opts,
            "orders": orders,
        }
        return TemplateResponse(request, "admin/orders/order/cancel.html", context)

    def has_pay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.pay_order")

    def has_ship_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.ship_order")

    def has_complete_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.complete_order")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.cancel_order")

    def _move_on(
        self, request: HttpRequest, orders: QuerySet[Order], change: Callable[..., Order]
    ) -> None:
        """Change every order that can be, and say which ones could not."""
        actor, now, changed = name_actor(request), timezone.now(), 0
        for order in orders:
            try:
                change(order_id=order.pk, actor=actor, now=now)
            except InvalidTransition as refusal:
                self.message_user(request, _tell_refusal(order, refusal), messages.WARNING)
            else:
                changed += 1
        if changed:
            done = ngettext("%(count)d order changed.", "%(count)d orders changed.", changed)
            self.message_user(request, done % {"count": changed}, messages.SUCCESS)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin, StaffAdmin):
    """Payments; flagged ones wait for somebody to settle them with the buyer."""

    list_display = ("event_id", "order", "amount", "currency", "flag", "received_at")
    list_filter = ("flag", "currency")
    list_select_related = ("order",)
    search_fields = ("event_id", "order__number", "order_reference")
    show_full_result_count = False


@register_section
def list_orders(request: HttpRequest, owner: CartOwner) -> Section | None:
    """Show the owner's last orders on the page of their cart; one query."""
    if not request.user.has_perm("orders.view_order"):
        return None
    orders = Order.objects.filter(buyer=owner.key).order_by("-created_at", "-id")[:_ON_CART_PAGE]
    more_url = (
        ""
        if owner.is_guest
        else f"{reverse('admin:orders_order_changelist')}?user__exact={owner.id}"
    )
    return Section(
        title=gettext("Last orders"),
        headers=(gettext("Number"), gettext("Status"), gettext("Total"), gettext("Created")),
        rows=[_describe(order) for order in orders],
        more_url=more_url,
    )


@register_finder
def find_buyer(text: str) -> CartOwner | None:
    """Return the buyer of the order with this id, or this number in capitals or small letters."""
    order = Order.objects.filter(Q(number=text.upper()) | Q(pk=text)).first()
    return order.owner if order is not None else None


def _show_details(details: Mapping[str, Any] | None) -> str | None:
    """Return a line for each entry of what a storefront sent."""
    lines = [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in (details or {}).items()
    ]
    return format_html_join("", "{}: {}<br>", lines) or None


def _tell_refusal(order: Order, refusal: InvalidTransition) -> str:
    text = gettext("%(order)s is not changed: from “%(status)s” it cannot become “%(wanted)s”.")
    return text % {
        "order": order.number,
        "status": OrderStatus(refusal.status).label,
        "wanted": OrderStatus(refusal.wanted).label,
    }


def _describe(order: Order) -> list[Cell]:
    return [
        Cell(order.number, url=reverse("admin:orders_order_change", args=[order.pk])),
        Cell(str(OrderStatus(order.status).label)),
        Cell(f"{order.total_amount} {order.currency}"),
        show_moment(order.created_at, now=timezone.now()),
    ]
