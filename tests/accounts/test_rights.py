"""Nobody of the staff touches people, or groups, with rights that they lack themselves."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import User
from tests.accounts.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

# Works with people: every right on users and groups, and that of looking at carts.
CLERK = (
    "view_user", "add_user", "change_user", "delete_user",
    "view_group", "add_group", "change_group", "delete_group", "view_cart",
)  # fmt: skip
NEW_PASSWORD = "another horse battery"


def permissions(*names: str) -> Any:
    return Permission.objects.filter(codename__in=names)


def clerk() -> User:
    user: User = StaffFactory.create(is_superuser=False)
    user.user_permissions.set(permissions(*CLERK))
    return user


def colleague_by_group(*names: str) -> User:
    """Return a member of staff with permissions of a group alone."""
    user: User = StaffFactory.create(is_superuser=False)
    group = Group.objects.create(name="-".join(names))
    group.permissions.set(permissions(*names))
    user.groups.add(group)
    return user


# Whom a clerk may touch.
PEOPLE: dict[str, tuple[Callable[[], User], bool]] = {
    "a buyer": (UserFactory.create, True),
    "staff without rights": (lambda: StaffFactory.create(is_superuser=False), True),
    "another clerk": (clerk, True),
    "staff with less": (lambda: colleague_by_group("view_cart"), True),
    "staff with another right": (lambda: colleague_by_group("view_order"), False),
    "staff with one right more": (lambda: colleague_by_group("view_cart", "repair_cart"), False),
    "a superuser": (StaffFactory.create, False),
}


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change(client: Client, user: User) -> Any:
    form = {"username": f"{user.username}2", "email": "taken@example.com", "is_active": "on"}
    return client.post(f"/admin/accounts/user/{user.pk}/change/", form)


def set_password(client: Client, user: User) -> Any:
    form = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return client.post(f"/admin/accounts/user/{user.pk}/password/", form)


def deactivate(client: Client, user: User) -> Any:
    form = {"username": user.username, "email": user.email}
    return client.post(f"/admin/accounts/user/{user.pk}/change/", form)


def delete(client: Client, user: User) -> Any:
    return client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"})


def delete_in_list(client: Client, user: User) -> Any:
    form = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    return client.post("/admin/accounts/user/", form)


WAYS = [change, set_password, deactivate, delete, delete_in_list]


def state_of(user: User) -> Any:
    row = User.objects.filter(pk=user.pk)
    return row.values("username", "email", "password", "is_active", "is_superuser").first()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whom", PEOPLE)
def test_a_clerk_changes_only_people_without_rights_of_their_own(
    whom: str, way: Callable[[Client, User], Any]
) -> None:
    make, allowed = PEOPLE[whom]
    user, client = make(), sign_in(clerk())
    before = state_of(user)

    response = way(client, user)

    assert (state_of(user) != before) is allowed
    assert response.status_code == (302 if allowed else 403)


@pytest.mark.parametrize("whom", PEOPLE)
@pytest.mark.parametrize("way", WAYS)
def test_a_superuser_changes_everybody(whom: str, way: Callable[[Client, User], Any]) -> None:
    user = PEOPLE[whom][0]()
    before = state_of(user)

    way(sign_in(StaffFactory.create()), user)

    assert state_of(user) != before


def test_an_inactive_colleague_keeps_the_rights_that_guard_them() -> None:
    colleague = colleague_by_group("view_order")
    User.objects.filter(pk=colleague.pk).update(is_active=False)

    response = set_password(sign_in(clerk()), colleague)

    assert response.status_code == 403


def test_a_clerk_hands_out_nothing_on_the_page_of_a_user() -> None:
    user, actor = UserFactory.create(), clerk()
    group = Group.objects.create(name="more")
    rights = {"is_staff": "on", "is_superuser": "on", "groups": [group.pk]}
    form = {"username": user.username, "email": user.email, "is_active": "on"} | rights

    response = sign_in(actor).post(f"/admin/accounts/user/{user.pk}/change/", form)

    user.refresh_from_db()
    assert response.status_code == 302
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)


def lesser_group() -> Group:
    group = Group.objects.create(name="lesser")
    group.permissions.set(permissions("view_cart"))
    return group


def greater_group() -> Group:
    group = Group.objects.create(name="greater")
    group.permissions.set(permissions("view_cart", "repair_cart"))
    return group


def group_of(member: Callable[[], User]) -> Group:
    group = lesser_group()
    member().groups.add(group)
    return group


# Which groups a clerk may touch.
GROUPS: dict[str, tuple[Callable[[], Group], bool]] = {
    "one that grants what they have": (lesser_group, True),
    "one of people who have no more": (lambda: group_of(clerk), True),
    "one that grants more": (greater_group, False),
    "one of a colleague with more": (
        lambda: group_of(lambda: colleague_by_group("view_order")),
        False,
    ),
    "one of a superuser": (lambda: group_of(StaffFactory.create), False),
}


@pytest.mark.parametrize("which", GROUPS)
@pytest.mark.parametrize("verb", ["change", "delete"])
def test_a_clerk_changes_only_groups_without_rights_of_their_own(which: str, verb: str) -> None:
    make, allowed = GROUPS[which]
    group, client = make(), sign_in(clerk())
    form = {"name": "renamed"} if verb == "change" else {"post": "yes"}

    response = client.post(f"/admin/auth/group/{group.pk}/{verb}/", form)

    assert response.status_code == (302 if allowed else 403)
    assert Group.objects.filter(pk=group.pk, name=group.name).exists() is not allowed


@pytest.fixture(params=["add/", "{id}/change/"])
def group_page(request: pytest.FixtureRequest) -> str:
    return f"/admin/auth/group/{request.param.format(id=lesser_group().pk)}"


def test_a_clerk_puts_only_rights_of_their_own_into_a_group(group_page: str) -> None:
    client = sign_in(clerk())
    more, own = permissions("repair_cart").get(), permissions("view_cart").get()

    refused = client.post(group_page, {"name": "new", "permissions": [own.pk, more.pk]})
    taken = client.post(group_page, {"name": "new", "permissions": [own.pk]})

    assert (refused.status_code, taken.status_code) == (200, 302)
    assert "permissions" in refused.context["adminform"].form.errors
    assert list(Group.objects.get(name="new").permissions.all()) == [own]
