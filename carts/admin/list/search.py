"""The search box above the list: finds carts by their owner, by an order, by what is in them."""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from carts.admin.list.finding import find_holders, find_similar_users, find_users
from carts.admin.moments import Cell, show_moment
from carts.admin.naming import GUEST, find_owner, link_owners
from carts.admin.refusals import tell_store_down
from carts.admin.sections import find_by_others
from carts.domain.cart import CartOwner, parse_guest_id
from carts.domain.errors import CartStoreUnavailable, InvalidGuestId
from carts.permanent.inspecting import has_cart
from config.hashing import HASH_LENGTH
from products.models import Sku

FIND_URL = "carts_cart_find"
# Shorter parts occur in too many names.
_LEAST_PART = 3


class SearchForm(forms.Form):
    """What somebody is looking for."""

    text = forms.CharField(max_length=200)


class CartSearch:
    """The search box. What is typed is posted: it may be a guest's id, which is a secret."""

    message_user: Any
    has_view_permission: Any
    render_page: Callable[..., HttpResponse]

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the one cart that is meant, or show those that may be meant.

        GET shows the carts with the SKU that `?sku=` names by its id.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD", "POST"}:
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        try:
            if request.method == "POST":
                return self._find(request)
            sku = Sku.objects.filter(pk=_read_sku_id(request)).first()
            if sku is not None:
                return self._show_holders(request, sku)
        except CartStoreUnavailable:
            self.message_user(request, tell_store_down(), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:carts_cart_changelist"))

    def _find(self, request: HttpRequest) -> HttpResponse:
        form = SearchForm(request.POST)
        if not form.is_valid():
            return HttpResponseRedirect(reverse("admin:carts_cart_changelist"))
        text = form.cleaned_data["text"]
        sku = _find_sku(text)
        owners = list(dict.fromkeys(_find_owners(text)))
        if not owners and sku is None and len(text) >= _LEAST_PART:
            owners = find_similar_users(text)
        links = link_owners(owners)
        targets = [link.url for link in links]
        if sku is not None:
            targets.append(holders_url(sku.pk))
        if not targets:
            # Only the box gets the text back: addresses are logged, and the text may be private.
            return self.render_page(request, "found", title=_("No cart was found."), text=text)
        if len(targets) == 1:
            return HttpResponseRedirect(targets[0])
        return self.render_page(
            request,
            "found",
            title=_("Several carts may be meant"),
            headers=(_("Cart of"),),
            rows=[
                *[[Cell(link.label, url=link.url)] for link in links],
                *([[Cell(sku.code, _("SKU"), holders_url(sku.pk))]] if sku is not None else []),
            ],
        )

    def _show_holders(self, request: HttpRequest, sku: Sku) -> HttpResponse:
        found = find_holders(sku.pk)
        notes = []
        if found.without_living:
            notes.append(_("The live store cannot be reached: these are the saved copies alone."))
        if not found.is_complete:
            notes.append(_("There are more carts than are shown."))
        links = link_owners([holding.owner for holding in found.carts])
        return self.render_page(
            request,
            "found",
            title=_("Carts with %(sku)s") % {"sku": sku.code},
            notes=notes,
            headers=(_("Cart of"), _("Units in Redis"), _("Units saved"), _("Copy changed")),
            rows=[
                [
                    Cell(link.label, url=link.url),
                    _show_units(holding.living_units),
                    _show_units(holding.copy_units),
                    show_moment(holding.changed_at, now=timezone.now()),
                ]
                for link, holding in zip(links, found.carts, strict=True)
            ],
        )


def holders_url(sku_id: str) -> str:
    """Return the address of the list of carts with a SKU."""
    return f"{reverse(f'admin:{FIND_URL}')}?{urlencode({'sku': sku_id})}"


def _find_sku(text: str) -> Sku | None:
    """Return the SKU with this id or code, or else with this code in capitals."""
    named = Sku.objects.filter(Q(pk=text) | Q(code=text)).first()
    return named or Sku.objects.filter(code=text.upper()).first()


def _find_owners(text: str) -> Iterator[CartOwner]:
    """Yield the owners whom a text may mean; the live store is asked last."""
    by_cart = find_owner(text)
    if by_cart is not None:
        yield by_cart
    yield from find_users(text)
    yield from find_by_others(text)
    if len(text) == HASH_LENGTH:
        by_hash = find_owner(f"{GUEST}{text.lower()}")
        if by_hash is not None:
            yield by_hash
    try:
        guest = CartOwner.for_guest(parse_guest_id(text))
    except InvalidGuestId:
        return
    if has_cart(guest):
        yield guest


def _read_sku_id(request: HttpRequest) -> str:
    sku_id = request.GET.get("sku", "")
    return sku_id if sku_id.isprintable() else ""


def _show_units(units: int | None) -> Cell:
    return Cell("" if units is None else str(units))
