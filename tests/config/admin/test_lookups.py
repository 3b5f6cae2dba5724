"""Lists of the admin are narrowed by their own filters alone, whatever the address asks for."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Field, ForeignKey, Model
from django.urls import reverse

from config.staff import StaffAdmin, StaffChangeList
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import new_guest
from tests.config.admin.staff import sign_in, sign_in_superuser
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
KINDS = ["regex", "in", "gt", "exact"]


def name_list(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def list_lookups(field: Any) -> list[str]:
    """Return what an address may ask of a field, and of what it refers to."""
    asked = [field.name, *(f"{field.attname}__{kind}" for kind in KINDS)]
    if isinstance(field, ForeignKey):
        asked += [f"{field.name}__{of.name}__regex" for of in field.related_model._meta.fields]
    return asked


def declared_by(model: type[Model]) -> set[str]:
    """Return what the filters of a list have been made for."""
    each: Any = admin.site._registry[model]
    names = set(each.list_lookups)
    for entry in each.list_filter:
        if hasattr(entry, "parameter_name"):
            names.add(entry.parameter_name)
        else:
            named = entry[0] if isinstance(entry, tuple) else entry
            names |= {named, f"{named}__exact"}
    return names


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_refuses_all_but_its_own_filters(model: type[Model]) -> None:
    client, path = sign_in_superuser(), name_list(model)
    fields: list[Field[Any, Any]] = [*model._meta.fields]
    lookups = {lookup for field in fields for lookup in list_lookups(field)}

    accepted = [
        lookup
        for lookup in sorted(lookups - declared_by(model))
        if not is_refused(client.get(path, {lookup: "1"}))
    ]

    assert accepted == []


def is_refused(response: Any) -> bool:
    return response.status_code == 400 or response.get("Location", "").endswith("?e=1")


def test_every_class_of_the_admin_is_one_of_this_projects() -> None:
    request: Any = None

    lists = [each.get_changelist(request) for each in admin.site._registry.values()]

    assert all(isinstance(each, StaffAdmin) for each in admin.site._registry.values())
    assert all(issubclass(each, StaffChangeList) for each in lists)


@pytest.mark.parametrize(
    "query",
    [
        "buyer__regex=^guest:g", "buyer__startswith=guest:g", "buyer=guest:{id}", "_to_field=buyer",
        "user__password__startswith=a", "cart_id__regex=.", "contact__email__startswith=a",
        "items__sku__code__startswith=a", "events__actor__regex=g", "pk__in=1,2",
    ],
)  # fmt: skip
def test_a_viewer_of_orders_cannot_feel_out_a_guest(query: str) -> None:
    guest = new_guest()
    buy(guest, SkuFactory.create())
    client = sign_in("orders.view_order")

    response = client.get(f"/admin/orders/order/?{query.format(id=guest.owner_id)}")

    assert response.status_code == 400


def test_neither_searching_nor_sorting_tells_a_guest() -> None:
    guest = new_guest()
    buy(guest, SkuFactory.create())
    client = sign_in("orders.view_order", "carts.view_cart", "carts.view_cartchange")
    save_all()

    pages: list[Any] = [
        client.get(f"/admin/{path}/?q={guest.owner_id[:12]}{query}")
        for path in ("orders/order", "carts/cart", "carts/cartchange")
        for query in ("", "&o=1.2.3.4.5.6.7.8", "&_facets=True", "&_popup=1", "&all=")
    ]

    assert not any(page.context["cl"].result_list for page in pages[:5])
    assert not any(guest.owner_id in page.content.decode() for page in pages)


def test_filters_still_filter() -> None:
    order = buy(new_guest(), SkuFactory.create())
    client = sign_in("orders.view_order")

    def count(query: str) -> int:
        response: Any = client.get(f"/admin/orders/order/?{query}")
        return len(response.context["cl"].result_list)

    day = order["createdAt"][:10]
    year, month, number = map(int, day.split("-"))
    hierarchy = f"created_at__year={year}&created_at__month={month}&created_at__day={number}"
    queries = ["status__exact=PENDING", hierarchy, f"created_at__gte={day} 00:00Z", "user__exact=x"]
    assert [count(query) for query in queries] == [1, 1, 1, 0]
