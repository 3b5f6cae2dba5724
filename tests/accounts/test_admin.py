import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.accounts.factories import PASSWORD, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"


@pytest.fixture
def superuser() -> Client:
    client = Client()
    client.force_login(StaffFactory.create())
    return client


@pytest.fixture
def clerk() -> Client:
    """Staff who may view and change users, and nothing else."""
    user = StaffFactory.create(is_superuser=False)
    rights = Permission.objects.filter(codename__in=["view_user", "change_user"])
    user.user_permissions.set(rights)
    client = Client()
    client.force_login(user)
    return client


def test_the_admin_login_takes_a_staff_members_password() -> None:
    staff = StaffFactory.create()

    response = Client().post(
        "/admin/login/?next=/admin/", {"username": staff.username, "password": PASSWORD}
    )

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_every_page_of_users_and_groups_opens(superuser: Client) -> None:
    user = UserFactory.create()

    for path in (
        USERS,
        f"{USERS}add/",
        f"{USERS}{user.pk}/change/",
        f"{USERS}{user.pk}/password/",
        f"{USERS}{user.pk}/history/",
        f"{USERS}{user.pk}/delete/",
        "/admin/auth/group/",
        "/admin/auth/group/add/",
    ):
        assert superuser.get(path).status_code == 200, path


@pytest.mark.parametrize("query", ["lin", "lin@example.com", "{id}", "Lindqvist"])
def test_users_are_found_by_id_name_and_address(superuser: Client, query: str) -> None:
    found = UserFactory.create(username="lin", email="lin@example.com", last_name="Lindqvist")
    UserFactory.create(username="other", email="other@example.com")

    page = superuser.get(USERS, {"q": query.format(id=found.pk)})

    assert list(page.context["cl"].queryset) == [found]


def test_the_list_takes_the_same_queries_whatever_its_length(superuser: Client) -> None:
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert superuser.get(USERS).status_code == 200
        return len(queries)

    UserFactory.create()
    few = count_queries()
    UserFactory.create_batch(20)

    assert count_queries() == few


def test_adding_a_user_asks_for_an_address_and_a_good_password(superuser: Client) -> None:
    form = {"username": "lin", "email": "lin@example.com", "usable_password": "true"}

    weak = superuser.post(f"{USERS}add/", form | {"password1": "short", "password2": "short"})
    nameless = superuser.post(
        f"{USERS}add/", form | {"email": "", "password1": PASSWORD, "password2": PASSWORD}
    )
    added = superuser.post(f"{USERS}add/", form | {"password1": PASSWORD, "password2": PASSWORD})

    assert (weak.status_code, nameless.status_code, added.status_code) == (200, 200, 302)
    user = User.objects.get(username="lin")
    assert user.email == "lin@example.com"
    assert user.check_password(PASSWORD)


def test_a_name_that_differs_by_case_alone_is_refused_with_a_sentence(superuser: Client) -> None:
    UserFactory.create(username="lin", email="lin@example.com")
    other = UserFactory.create()

    page = superuser.post(
        f"{USERS}{other.pk}/change/", {"username": "LIN", "email": "LIN@EXAMPLE.COM"}
    )

    assert page.status_code == 200
    assert page.context["adminform"].form.errors == {
        "__all__": [
            "A user with that username already exists.",
            "A user with that email address already exists.",
        ]
    }


def test_a_change_is_logged_with_who_made_it(superuser: Client) -> None:
    user = UserFactory.create()

    superuser.post(
        f"{USERS}{user.pk}/change/", {"username": user.username, "email": "new@example.com"}
    )

    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (
        user.pk,
        "Changed Email address and Active.",
    )


def test_a_clerk_can_hand_out_no_rights(clerk: Client) -> None:
    user = UserFactory.create()
    form = {"username": user.username, "email": user.email, "is_active": "on"}

    response = clerk.post(
        f"{USERS}{user.pk}/change/", form | {"is_staff": "on", "is_superuser": "on"}
    )

    user.refresh_from_db()
    assert response.status_code == 302
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_a_clerk_cannot_touch_a_superuser(clerk: Client) -> None:
    superuser = StaffFactory.create()
    before = superuser.password

    change = clerk.post(
        f"{USERS}{superuser.pk}/change/", {"username": "taken", "email": "taken@example.com"}
    )
    password = clerk.post(
        f"{USERS}{superuser.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD}
    )

    superuser.refresh_from_db()
    assert (change.status_code, password.status_code) == (403, 403)
    assert (superuser.username, superuser.password) != ("taken", before + "x")
    assert superuser.password == before


def test_sign_ins_are_shown_nowhere(superuser: Client) -> None:
    assert superuser.get("/admin/accounts/refreshfamily/").status_code == 404
