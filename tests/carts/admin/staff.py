"""Members of staff at the admin's pages of carts."""

import html
import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet
from django.test import Client
from django.urls import reverse

from accounts.models import User
from carts.models import Cart
from config.hashing import hash_secret
from tests.accounts.factories import StaffFactory
from tests.carts.permanent.copies import owner_of, row_of
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


def find_rows(shopper: Shopper) -> QuerySet[Cart]:
    """Return a shopper's saved carts."""
    owner = owner_of(shopper)
    column = "session_id" if owner.is_guest else "user_id"
    return Cart.objects.filter(**{column: owner.id})


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


@dataclass(frozen=True)
class Answer:
    """What came of an action: the page it led to, or the one that asks for confirmation."""

    client: Client
    url: str
    response: Any

    @property
    def status(self) -> int:
        status: int = self.response.status_code
        return status

    @property
    def text(self) -> str:
        return read_text(self.response)

    @property
    def messages(self) -> list[str]:
        return [str(message) for message in self.response.context["messages"]]

    @property
    def preview(self) -> Any:
        return self.response.context["preview"]

    def confirm(self) -> "Answer":
        """Press the button of the page that asks."""
        body = {**self.response.context["values"], "confirmed": "yes"}
        return Answer(self.client, self.url, self.client.post(self.url, body, follow=True))


def do(client: Client, shopper: Shopper, action: str, **body: Any) -> Answer:
    """Press a button of the page of a shopper's cart, and follow where it leads."""
    row = find_rows(shopper).filter(status="ACTIVE").first()
    page = reverse("admin:carts_cart_change", args=[row.pk]) if row else owner_page_of(shopper)
    url = f"{page.removesuffix('change/')}do/{action}/"
    return Answer(client, url, client.post(url, body, follow=True))
