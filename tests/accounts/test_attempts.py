"""How often a password may be tried, at the API and in admin alike."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.test import Client, override_settings

from accounts.models import User
from config import settings
from tests.accounts.api.test_login import without_redis
from tests.accounts.factories import PASSWORD, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

HERE, THERE = "192.0.2.1", "198.51.100.7"


def at_the_api(name: str, password: str = "wrong", *, address: str = HERE) -> int:
    """Try a password; return the status, 200 where it was right."""
    field = "email" if "@" in name else "username"
    response = Client(REMOTE_ADDR=address).post(
        "/api/auth/login", {field: name, "password": password}, content_type="application/json"
    )
    return response.status_code


def in_admin(name: str, password: str = "wrong", *, address: str = HERE) -> int:
    """Try a password; return the status in the API's terms."""
    response = log_in_to_admin(name, password, address=address)
    return {200: 401, 302: 200}.get(response.status_code, response.status_code)


def log_in_to_admin(name: str, password: str = "wrong", *, address: str = HERE) -> Any:
    client = Client(REMOTE_ADDR=address)
    return client.post("/admin/login/?next=/admin/", {"username": name, "password": password})


DOORS = [at_the_api, in_admin]
Door = Callable[..., int]


@pytest.fixture(params=DOORS, ids=["api", "admin"])
def door(request: pytest.FixtureRequest) -> Door:
    knock: Door = request.param
    return knock


@override_settings(RATE_LIMIT_LOGIN=2)
def test_wrong_passwords_from_one_address_do_not_lock_the_owner_out_elsewhere(door: Door) -> None:
    staff = StaffFactory.create()

    guesses = [door(staff.username) for _ in range(3)]

    assert guesses == [401, 401, 429]
    assert door(staff.username, PASSWORD) == 429
    assert door(staff.username, PASSWORD, address=THERE) == 200


@override_settings(RATE_LIMIT_LOGIN=2)
def test_the_api_and_admin_count_together() -> None:
    staff = StaffFactory.create()

    guesses = [in_admin(staff.username), at_the_api(staff.username), in_admin(staff.username)]

    assert guesses == [401, 401, 429]


@override_settings(RATE_LIMIT_LOGIN=2)
def test_the_name_and_the_address_of_an_account_are_one() -> None:
    user = UserFactory.create(username="lin", email="lin@example.com")

    guesses = [at_the_api(name) for name in ("lin", "LIN@example.com", "Lin", user.email)]

    assert guesses == [401, 401, 429, 429]


@override_settings(RATE_LIMIT_LOGIN=2)
@pytest.mark.parametrize("name", ["lin", "nobody"])
def test_an_account_and_a_name_that_nobody_has_are_limited_alike(name: str, door: Door) -> None:
    StaffFactory.create(username="lin")

    assert [door(name) for _ in range(3)] == [401, 401, 429]
    assert door("another") == 401


@override_settings(RATE_LIMIT_LOGIN_PER_ADDRESS=2)
def test_one_address_has_a_limit_over_all_accounts(door: Door) -> None:
    assert [door(f"guess{number}") for number in range(3)] == [401, 401, 429]
    assert door("guess", address=THERE) == 401


@override_settings(RATE_LIMIT_LOGIN_PER_ACCOUNT=2)
def test_one_account_has_a_limit_over_all_addresses(door: Door) -> None:
    staff = StaffFactory.create()

    guesses = [door(staff.username, address=f"192.0.2.{number}") for number in range(3)]

    assert guesses == [401, 401, 429]


@override_settings(RATE_LIMIT_LOGIN=2, RATE_LIMIT_LOGIN_PER_ACCOUNT=4)
def test_what_one_address_is_refused_does_not_count_against_the_account(door: Door) -> None:
    staff = StaffFactory.create()

    for _ in range(6):
        door(staff.username)

    assert door(staff.username, PASSWORD, address=THERE) == 200


@override_settings(RATE_LIMIT_LOGIN=2, RATE_LIMIT_LOGIN_PER_ACCOUNT=2)
def test_right_passwords_use_up_nothing_of_the_account(door: Door) -> None:
    staff = StaffFactory.create()
    door(staff.username)

    right = [door(staff.username, PASSWORD) for _ in range(4)]

    assert right == [200] * 4
    assert [door(staff.username) for _ in range(2)] == [401, 429]


@override_settings(RATE_LIMIT_LOGIN=0, RATE_LIMIT_LOGIN_PER_ADDRESS=1)
def test_admin_says_when_to_try_again() -> None:
    log_in_to_admin("lin")

    page = log_in_to_admin("lin")

    seconds = int(page["Retry-After"])
    assert 1 <= seconds <= 60
    assert re.search(rf"Too many passwords were tried\. Try again in {seconds} second", page.text)
    assert "sessionid" not in page.cookies


def test_without_its_limiter_nobody_gets_into_admin() -> None:
    staff = StaffFactory.create()

    with without_redis("default"):
        page = log_in_to_admin(staff.username, PASSWORD)

    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Passwords cannot be checked just now." in page.text


def set_own_password(client: Client, old: str) -> Any:
    new = {"new_password1": "another horse battery", "new_password2": "another horse battery"}
    return client.post("/admin/password_change/", {"old_password": old} | new)


@override_settings(RATE_LIMIT_LOGIN=2)
def test_the_old_password_can_be_tried_as_often_as_at_the_login() -> None:
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(staff := StaffFactory.create())

    statuses = [set_own_password(client, "wrong").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert set_own_password(client, PASSWORD).status_code == 429
    assert in_admin(staff.username, PASSWORD) == 429


def test_a_member_of_staff_sets_another_password_and_stays_signed_in() -> None:
    client = Client()
    client.force_login(staff := StaffFactory.create())

    page = client.get("/admin/password_change/")
    done = set_own_password(client, PASSWORD)

    assert (page.status_code, done["Location"]) == (200, "/admin/password_change/done/")
    assert client.get("/admin/").status_code == 200
    staff.refresh_from_db()
    assert staff.check_password("another horse battery")


def test_failures_are_logged_with_account_and_address_and_never_what_was_typed(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    staff = StaffFactory.create()

    door(staff.username, "hunter-2")
    door("my-password-in-the-wrong-field", "hunter-2", address=THERE)

    known, unknown = [record.message for record in caplog.records if record.name[:8] == "accounts"]
    assert known == f"wrong password for user {staff.pk} from {HERE}"
    assert re.fullmatch(rf"wrong password for name #[0-9a-f]{{24}} from {THERE}", unknown)
    assert not re.search("hunter|my-password", caplog.text)


class QuickPBKDF2(PBKDF2PasswordHasher):
    iterations = 2


HASHERS = ["accounts.hashers.Argon2Hasher", f"{__name__}.QuickPBKDF2"]


@override_settings(PASSWORD_HASHERS=HASHERS)
def test_an_old_hash_is_renewed_by_argon2_at_login(door: Door) -> None:
    old = make_password(PASSWORD, hasher="pbkdf2_sha256")
    staff = StaffFactory.create(password=old)

    wrong = door(staff.username)
    unchanged = User.objects.get().password
    right = door(staff.username, PASSWORD)

    renewed = User.objects.get().password
    assert (wrong, unchanged, right) == (401, old, 200)
    assert renewed.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert door(staff.username, PASSWORD) == 200
    assert User.objects.get().password == renewed


@override_settings(PASSWORD_HASHERS=HASHERS)
def test_a_renewal_writes_over_no_password_that_was_set_meanwhile() -> None:
    user = UserFactory.create(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    User.objects.update(password=make_password("set meanwhile"))

    assert user.check_password(PASSWORD)

    assert User.objects.get().check_password("set meanwhile")


@override_settings(PASSWORD_HASHERS=settings.PASSWORD_HASHERS)
def test_new_passwords_are_hashed_by_argon2() -> None:
    assert make_password(PASSWORD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
