"""Service keys in the admin: made, shown once, revoked, by who may."""

from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.keys import find_key
from accounts.models import ServiceKey
from accounts.scopes import Scope
from tests.accounts.programs import new_program
from tests.config.admin.staff import sign_in, sign_in_superuser
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

KEYS = "/admin/accounts/servicekey/"
FORM = {"name": "erp", "scopes": ["catalogue:read", "stock:write"], "days": "30"}


@pytest.fixture
def issuer() -> Client:
    """Staff who may make and revoke keys, and nothing else."""
    return sign_in("accounts.issue_servicekey")


def make_key(client: Client, **values: Any) -> tuple[Any, str]:
    """Return the page that follows the form, and the key on it."""
    page = client.post(f"{KEYS}add/", FORM | values)
    return page, page.context["key"].secret


def test_the_form_offers_every_scope(issuer: Client) -> None:
    page = issuer.get(f"{KEYS}add/").content.decode()

    assert all(f'value="{scope}"' in page for scope in Scope.values)


def test_a_new_key_is_on_the_page_that_follows_and_on_no_other(issuer: Client) -> None:
    page, secret = make_key(issuer)

    assert (page.status_code, page.content.decode().count(secret)) == (200, 1)
    assert "no-store" in page["Cache-Control"]
    key = find_key(secret, timezone.now())
    assert key is not None
    assert (key.name, key.scopes) == ("erp", ["catalogue:read", "stock:write"])
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 30
    for path in ("", f"{key.pk}/change/", f"{key.pk}/history/", "add/"):
        shown = issuer.get(KEYS + path)
        assert shown.status_code == 200, path
        assert secret not in shown.content.decode(), path
    assert secret not in str(list(LogEntry.objects.values()) + list(ServiceKey.objects.values()))
    assert not any(secret in str(each.get_decoded()) for each in Session.objects.all())
    assert secret not in str(issuer.cookies)


def test_making_and_revoking_a_key_is_logged(issuer: Client) -> None:
    make_key(issuer)
    key = ServiceKey.objects.get()

    issuer.post(KEYS, {"action": "revoke", "_selected_action": key.pk})

    logged = LogEntry.objects.order_by("pk").values_list("action_flag", "object_id", "object_repr")
    assert list(logged) == [(ADDITION, key.pk, "erp"), (CHANGE, key.pk, "erp")]


def test_a_revoked_key_opens_nothing(issuer: Client) -> None:
    program = new_program()
    assert program.call("GET", "/catalogue/products").status_code == 200

    page = issuer.post(KEYS, {"action": "revoke", "_selected_action": program.key.pk}, follow=True)

    assert "1 revoked." in page.content.decode()
    assert program.call("GET", "/catalogue/products").status_code == 401


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "known"}, "name"),
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"days": "0"}, "days"),
        ({"days": "99999"}, "days"),
    ],
)
def test_a_wrong_form_makes_no_key(issuer: Client, values: Any, field: str) -> None:
    new_program(name="known")

    page = issuer.post(f"{KEYS}add/", FORM | values)

    assert list(page.context["adminform"].form.errors) == [field]
    assert ServiceKey.objects.count() == 1


def test_the_list_tells_what_each_key_may_do_and_whether_it_is_in_force(issuer: Client) -> None:
    living = new_program("stock:write", name="alive")
    new_program(name="expired", expires_at=timezone.now())
    revoked = new_program(name="gone").key
    ServiceKey.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())

    page = issuer.get(KEYS).content.decode()

    assert f"{living.key.prefix}…" in page
    assert all(text in page for text in ("stock:write", "In force", "Expired", "Revoked"))


def test_keys_are_never_changed_or_deleted_here() -> None:
    key, client = new_program(name="erp").key, sign_in_superuser()

    changed = client.post(f"{KEYS}{key.pk}/change/", FORM | {"name": "other"})
    deleted = client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert ServiceKey.objects.get().name == "erp"


def test_who_may_look_may_not_make_or_revoke() -> None:
    key, viewer = new_program().key, sign_in("accounts.view_servicekey")

    assert viewer.get(KEYS).status_code == 200
    assert viewer.get(f"{KEYS}{key.pk}/change/").status_code == 200
    assert viewer.post(f"{KEYS}add/", FORM).status_code == 403
    assert viewer.post(KEYS, {"action": "revoke", "_selected_action": key.pk}).status_code == 403
    assert ServiceKey.objects.get().revoked_at is None


def test_other_staff_see_no_keys() -> None:
    clerk = sign_in("accounts.view_user", "accounts.change_user")

    assert clerk.get(KEYS).status_code == 403
    assert clerk.get(f"{KEYS}add/").status_code == 403


def test_stock_changes_show_the_key_that_made_them_and_no_member_of_staff() -> None:
    client = sign_in_superuser()
    staff_id = client.session["_auth_user_id"]
    SkuFactory.create(code="A")
    # Named so that what follows the length of "staff:" is somebody's id.
    program = new_program(name=f"xx{staff_id}")
    program.data("PUT", "/catalogue/stock", {"levels": [{"code": "A", "stock": 3}]})

    page = client.get("/admin/products/stockchange/").content.decode()

    assert f"key:xx{staff_id}" in page
