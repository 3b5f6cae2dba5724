"""Members of staff at the admin's pages of carts."""

import html
import re
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from accounts.models import User
from config.http.hashing import hash_secret
from tests.accounts.factories import StaffFactory
from tests.carts.copies import owner_of, row_of
from tests.carts.shopper import Shopper

LIST = "/admin/carts/cart/"


def sign_in(*permissions: str) -> tuple[Client, User]:
    """Return a client of a member of staff who has these permissions, as "app.codename"."""
    staff = StaffFactory.create(is_superuser=False, password="!")
    chosen = Q(pk=None)
    for permission in ("carts.view_cart", *permissions):
        app, codename = permission.split(".")
        chosen |= Q(content_type__app_label=app, codename=codename)
    staff.user_permissions.set(Permission.objects.filter(chosen))
    client = Client()
    client.force_login(staff)
    return client, staff


def page_of(shopper: Shopper) -> str:
    """Return the address of a shopper's saved cart."""
    return reverse("admin:carts_cart_change", args=[row_of(shopper).pk])


def owner_page_of(shopper: Shopper) -> str:
    """Return the address of a shopper's cart by its owner."""
    owner = owner_of(shopper)
    name = f"guest-{hash_secret(owner.key)}" if owner.is_guest else f"user-{owner.id}"
    return reverse("admin:carts_cart_change", args=[name])


def read_page(client: Client, url: str) -> Any:
    """Return what a cart's page shows, as it was handed to the template."""
    response: Any = client.get(url)
    assert response.status_code == 200, response
    return response.context["page"]


def read_text(response: Any) -> str:
    """Return what an HTML page says, without its tags."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(text).split())


def messages_of(response: Any) -> list[str]:
    """Return the messages that an answer shows, or that the page after it will show."""
    return [str(message) for message in response.context["messages"]]
