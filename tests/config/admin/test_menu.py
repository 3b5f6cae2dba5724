"""The admin's menu."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.config.admin.staff import sign_in, sign_in_superuser

pytestmark = pytest.mark.django_db


def read_menu(client: Client) -> dict[str, list[str]]:
    """Return the links of each group, by its title."""
    groups = client.get(reverse("admin:password_change")).context["sidebar_navigation"]
    return {
        str(group.get("title", "")): [item["link"] for item in group["items"]] for group in groups
    }


def test_the_menu_has_what_one_may_see_and_nothing_else() -> None:
    menu = read_menu(sign_in("orders.view_order", "products.view_sku"))

    assert menu == {
        "": ["/admin/"],
        "Orders": ["/admin/orders/order/"],
        "Catalogue": ["/admin/products/sku/"],
    }


def test_every_page_of_the_admin_is_in_the_menu_once() -> None:
    menu = read_menu(sign_in_superuser())

    links = sorted(link for links in menu.values() for link in links if link != "/admin/")
    assert links == sorted(
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for model in (model_admin.model for model_admin in admin.site._registry.values())
    )
    assert list(menu)[-4:] == ["Orders", "Catalogue", "Accounts", "Operations"]


@pytest.mark.parametrize(
    ("app", "name"),
    [("products", "Catalogue"), ("auth", "Accounts"), ("django_celery_beat", "Operations")],
)
def test_the_way_above_a_page_begins_with_the_name_that_the_menu_has(app: str, name: str) -> None:
    assert str(apps.get_app_config(app).verbose_name) == name
