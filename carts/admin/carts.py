"""The admin's pages of carts: the list, the search, a cart's page and what can be done there."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from carts.admin.actions.forms import AddForm, MergeForm
from carts.admin.actions.menu import list_offered
from carts.admin.actions.views import ACTION_URL, CartActions
from carts.admin.list.filters import ChangedFilter, DriftFilter, OwnerFilter, UnsavedFilter
from carts.admin.list.listing import CartChangeList, read_standing
from carts.admin.list.search import FIND_URL, CartSearch
from carts.admin.naming import find_owner, is_owner_name, label_owner, owner_url, page_url
from carts.admin.page.contents import build_page, build_past_page
from carts.admin.refusals import tell_store_down
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.models import Cart, CartStatus
from carts.permanent.mapping import owner_of
from config.staff import ReadOnlyAdmin, StaffAdmin


@admin.register(Cart)
class CartAdmin(CartActions, CartSearch, ReadOnlyAdmin, StaffAdmin):
    """Carts. This class writes nothing: every change goes through the carts' operations."""

    list_display = (
        "show_id", "show_owner", "show_status", "item_count", "show_total",
        "show_saved", "updated_at",
    )  # fmt: skip
    list_display_links = ("show_id",)
    list_filter = (UnsavedFilter, DriftFilter, "status", OwnerFilter, ChangedFilter)
    list_select_related = ("user",)
    list_per_page = 50
    list_max_show_all = 50
    list_fullwidth = True
    # Counting all copies would take longer than showing a page of them.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = InfinitePaginator
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CartChangeList]:
        return CartChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        carts: QuerySet[Cart] = super().get_queryset(request)
        return carts.defer("merged", "settled")

    def get_urls(self) -> list[Any]:
        act, find = map(self.admin_site.admin_view, (self.act_view, self.find_view))
        return [
            path("find/", find, name=FIND_URL),
            path("<str:name>/do/<slug:action>/", act, name=ACTION_URL),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of the cart with this name (see `carts.admin.naming`)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            owner = find_owner(object_id)
        except CartStoreUnavailable:
            self.message_user(request, tell_store_down(), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:carts_cart_changelist"))
        if owner is None:
            raise Http404(gettext("There is no such cart."))
        page = build_page(request, owner)
        current = page.found.copy_cart
        if current is not None and current.id != object_id:
            if is_owner_name(object_id):
                return HttpResponseRedirect(page_url(current.id))
            page = build_past_page(request, owner, object_id)
        return self.render_page(
            request,
            "page",
            title=page.title,
            name=object_id,
            page=page,
            offered=list_offered(request, owner, page),
            add_form=AddForm(),
            merge_form=MergeForm(),
            media=self.media + AddForm().media,
            currency=settings.CART_CURRENCY,
            owner_url=owner_url(owner),
            user_url=_account_url(request, owner),
        )

    def render_page(
        self, request: HttpRequest, template: str, *, title: str, **context: Any
    ) -> TemplateResponse:
        """Return a page of this folder of templates."""
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/carts/cart/{template}.html",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                "is_fullwidth": "1",
                **context,
            },
        )

    @admin.display(description=_("Cart"), ordering="id")
    def show_id(self, cart: Cart) -> str:
        return cart.pk

    @admin.display(description=_("Owner"))
    def show_owner(self, cart: Cart) -> str:
        if cart.user is not None:
            return cart.user.get_username()
        return label_owner(owner_of(None, cart.session_id))

    @display(  # type: ignore[untyped-decorator]
        description=_("Status"),
        ordering="status",
        label={"ACTIVE": "success", "EXPIRED": "warning", "CHECKEDOUT": "info"},
    )
    def show_status(self, cart: Cart) -> tuple[str, str]:
        return cart.status, str(CartStatus(cart.status).label)

    @admin.display(description=_("Total when saved"), ordering="total_amount")
    def show_total(self, cart: Cart) -> str:
        return f"{cart.total_amount} {cart.currency}"

    @display(  # type: ignore[untyped-decorator]
        description=_("Saved"),
        label={"same": "success", "unsaved": "warning", "drifted": "danger"},
    )
    def show_saved(self, cart: Cart) -> tuple[str, str] | None:
        match read_standing(cart):
            case "same":
                return "same", gettext("Yes")
            case "unsaved":
                return "unsaved", gettext("Changed since")
            case "drifted":
                return "drifted", gettext("Drifted apart")
        return None


def _account_url(request: HttpRequest, owner: CartOwner) -> str:
    """Return the address of the owner's account, "" for a guest and where it may not be seen."""
    user = get_user_model()
    if owner.is_guest or not request.user.has_perm(f"{user._meta.app_label}.view_user"):
        return ""
    return reverse(f"admin:{user._meta.label_lower.replace('.', '_')}_change", args=[owner.id])
