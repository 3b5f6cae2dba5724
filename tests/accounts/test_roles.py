"""The ready-made roles: made once, kept up to date, and then the operators'."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts.models import RoleGrant
from accounts.roles import OPERATOR, ROLES, SUPPORT, VIEWER, grant_roles

pytestmark = pytest.mark.django_db


def permissions_of(role: str) -> set[str]:
    group = Group.objects.get(name=role)
    found = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def find_permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def test_every_role_has_its_permissions_after_migrating() -> None:
    assert {role: permissions_of(role) for role in ROLES} == {
        "viewer": set(VIEWER),
        "support": set(SUPPORT),
        "operator": set(OPERATOR),
    }


def test_no_role_may_hand_out_rights_or_write_rows() -> None:
    writing = {name for name in OPERATOR if ".add_" in name or ".delete_" in name}
    changing = {name for name in OPERATOR if ".change_" in name}

    assert writing == set()
    assert changing == {"carts.change_cart"}


def test_what_the_operators_changed_stays() -> None:
    support = Group.objects.get(name="support")
    support.permissions.remove(find_permission("orders.cancel_order"))
    support.permissions.add(find_permission("orders.pay_order"))
    Group.objects.filter(name="viewer").update(name="onlookers")
    Group.objects.get(name="operator").delete()

    call_command("migrate", verbosity=0)

    expected = set(SUPPORT) - {"orders.cancel_order"} | {"orders.pay_order"}
    assert permissions_of("support") == expected
    assert set(Group.objects.values_list("name", flat=True)) == {"support", "onlookers"}


def test_a_permission_that_is_new_to_a_role_is_given_once() -> None:
    support = Group.objects.get(name="support")
    support.permissions.remove(find_permission("orders.cancel_order"))
    RoleGrant.objects.filter(role="support", permission="orders.cancel_order").delete()

    grant_roles()

    assert permissions_of("support") == set(SUPPORT)
    support.permissions.clear()
    grant_roles()
    assert permissions_of("support") == set()


def test_a_group_that_the_shop_had_before_is_left_alone() -> None:
    Group.objects.all().delete()
    RoleGrant.objects.all().delete()
    Group.objects.create(name="support")

    grant_roles()

    assert permissions_of("support") == set()
    assert permissions_of("viewer") == set(VIEWER)


def test_granting_twice_changes_nothing() -> None:
    def rows() -> Any:
        groups = {group.name: permissions_of(group.name) for group in Group.objects.all()}
        return groups, RoleGrant.objects.count()

    before = rows()

    grant_roles()

    assert rows() == before
