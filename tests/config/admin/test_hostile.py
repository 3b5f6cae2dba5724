"""Whatever an address of the site holds: never a failure, but a refusal or nothing found."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.carts.shopper import new_guest, new_user
from tests.config.admin.staff import sign_in_superuser

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Of days without a time zone in an address.
    pytest.mark.filterwarnings("ignore:.*received a naive datetime:RuntimeWarning"),
]

# Percent-encoded, as some are not text: NULs, halves of surrogate pairs, numbers beyond every
# column, patterns and dates that are none, and plain length.
HOSTILE = ["%00", "%ED%A0%80", "9" * 30, "9" * 5_000, "(%3F[", "2026-13-99", "1,2,"]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)


def name_page(model: type[Model], page: str, *args: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def list_parameters(model: type[Model]) -> Iterator[str]:
    """Yield what the address of a list may ask for."""
    yield from ("q", "p", "o", "_to_field", "_changelist_filters")
    each: Any = admin.site._registry[model]
    yield from each.list_lookups
    if each.date_hierarchy:
        yield from (f"{each.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte"))
    for entry in each.list_filter:
        if hasattr(entry, "parameter_name"):
            yield entry.parameter_name
            continue
        named = entry[0] if isinstance(entry, tuple) else entry
        yield from (f"{named}__{kind}" for kind in ("exact", "gte", "isempty", "id__exact"))
        yield from (named, f"{named}_from_0", f"{named}_to_1")


def check(client: Client, method: str, path: str, **options: Any) -> None:
    response = client.generic(method, path, **options)
    assert response.status_code < 500, (path[:200], response.status_code)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_list_fails_whatever_is_asked_of_it(model: type[Model]) -> None:
    client, path = sign_in_superuser(), name_page(model, "changelist")

    for parameter in list_parameters(model):
        for value in HOSTILE:
            check(client, "GET", f"{path}?{parameter}={value}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_page_of_a_row_fails_whatever_it_is_named(model: type[Model]) -> None:
    client, path = sign_in_superuser(), name_page(model, "changelist")
    pages = ["change/", "history/", "delete/", "do/", "adjust-stock/", "password/", "do/save/"]

    for value in HOSTILE:
        for page in pages:
            for method in ("GET", "POST"):
                check(client, method, f"{path}{value}/{page}?_changelist_filters={value}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_form_fails_whatever_is_sent(model: type[Model]) -> None:
    client, path = sign_in_superuser(), name_page(model, "changelist")
    fields = [field.name for field in model._meta.fields]

    for value in HOSTILE:
        for action in ("delete_selected", "mark_cancelled", "restore", "disable_tasks"):
            body = f"action={action}&_selected_action={value}&post=yes"
            check(client, "POST", path, data=body, content_type=FORM)
        body = "&".join(f"{name}={value}" for name in (*fields, "username", "password1"))
        check(client, "POST", f"{path}add/", data=body, content_type=FORM)


FORM = "application/x-www-form-urlencoded"
OTHERS = [
    "/admin/search/?s={}", "/admin/search/?extended=1&s={}", "/admin/{}/", "/admin/login/?next={}",
    "/admin/autocomplete/?app_label=carts&model_name=cart&field_name=user&term={}",
    "/admin/autocomplete/?app_label={}&model_name={}&field_name={}&term=x",
    "/admin/autocomplete/?app_label=carts&model_name=cartitem&field_name=sku&term=a&page={}",
    "/admin/r/{}/{}/", "/admin/carts/cart/find/?sku={}", "/products/{}", "/orders/{}", "/{}",
    "/language?next={}", "/messages.js?x={}",
]  # fmt: skip


@pytest.mark.parametrize("address", OTHERS)
def test_no_other_page_fails(address: str) -> None:
    client = sign_in_superuser()

    for value in HOSTILE:
        check(client, "GET", address.replace("{}", value))
        check(client, "POST", address.replace("{}", value), data=f"text={value}&language={value}")


@pytest.mark.parametrize("name", ["sessionid", "django_language", "csrftoken", "messages"])
def test_no_cookie_makes_a_page_fail(name: str) -> None:
    client = Client()
    values = ['"\\000"', '"a\\000b"', '"\\377\\376"', "a" * 4_000, "%00", "zh-hans\\000", "-"]

    for value in values:
        for path in ("/", "/admin/", "/admin/login/", "/admin/carts/cart/"):
            check(client, "GET", path, headers={"Cookie": f"{name}={value}"})


@pytest.mark.parametrize(
    "path",
    [
        "products?search={}", "products?merchantId={}", "products?ordering={}", "products?page={}",
        "products?pageSize={}", "products?inStock={}", "products/{}", "merchants?page={}",
        "orders?page={}", "orders?status={}", "orders/{}", "orders/{}/cancel", "cart/item/{}",
        "cart?x={}", "schema?format={}", "docs?lang={}", "{}",
    ],
)  # fmt: skip
def test_no_address_of_the_api_fails(path: str) -> None:
    for shopper in (new_guest(), new_user()):
        for value in HOSTILE:
            for method in ("GET", "POST", "PUT", "DELETE"):
                address = f"/api/{path.replace('{}', value)}"
                response = shopper.client.generic(method, address, headers=shopper.headers)
                assert response.status_code < 500, address[:100]
                assert response["Content-Type"].startswith(("application/", "text/html"))
