"""Ended tokens are refused on cart calls, which never look at the users' table."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from accounts.models import AccessChange, User
from accounts.tasks import revoke_deactivated_users
from tests.accounts.api.test_login import without_redis
from tests.accounts.calls import bearer, error_of, get, log_in, post, sign_in
from tests.accounts.factories import PASSWORD, StaffFactory, UserFactory
from tests.carts.conftest import RoundTrips

pytestmark = pytest.mark.django_db(transaction=True)


def call_cart(header: str) -> int:
    response = get("/api/cart", authorization=header)
    if response.status_code == 401:
        assert error_of(response)[1] == "token_not_valid"
        assert response["WWW-Authenticate"].startswith("Bearer")
    return response.status_code


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def by_save(user: User, is_active: bool) -> None:
    user.is_active = is_active
    user.save()


def by_save_of_the_field(user: User, is_active: bool) -> None:
    user.is_active = is_active
    user.save(update_fields=["is_active"])


def by_update(user: User, is_active: bool) -> None:
    User.objects.filter(pk=user.pk).update(is_active=is_active)


def by_update_of_a_relation(user: User, is_active: bool) -> None:
    group = Group.objects.get_or_create(name="buyers")[0]
    group.user_set.add(user)
    group.user_set.update(is_active=is_active)


def by_bulk_update(user: User, is_active: bool) -> None:
    user.is_active = is_active
    User.objects.bulk_update([user], ["is_active"])


def by_update_or_create(user: User, is_active: bool) -> None:
    User.objects.update_or_create(pk=user.pk, defaults={"is_active": is_active})


def by_admin_form(user: User, is_active: bool) -> None:
    client = Client()
    client.force_login(StaffFactory.create())
    ticked = {"is_active": "on"} if is_active else {}
    form = {"username": user.username, "email": user.email}
    response = client.post(f"/admin/accounts/user/{user.pk}/change/", form | ticked)
    assert response.status_code == 302


def by_raw_sql_and_the_task(user: User, is_active: bool) -> None:
    execute(f"UPDATE accounts_user SET is_active = {is_active} WHERE id = '{user.pk}'")  # noqa: S608
    revoke_deactivated_users()


ROUTES = [
    by_save,
    by_save_of_the_field,
    by_update,
    by_update_of_a_relation,
    by_bulk_update,
    by_update_or_create,
    by_admin_form,
    by_raw_sql_and_the_task,
]


@pytest.mark.parametrize("set_active", ROUTES)
def test_deactivation_ends_a_users_tokens_for_ever_and_nobody_elses(
    set_active: Callable[[User, bool], None],
) -> None:
    header, other = bearer(user := UserFactory.create()), bearer(UserFactory.create())
    refresh = sign_in(user).refresh
    assert call_cart(header) == 200

    set_active(user, False)
    while_inactive = (call_cart(header), call_cart(other))
    set_active(user, True)

    assert while_inactive == (401, 200)
    assert call_cart(header) == 401
    assert post("/api/auth/refresh", {"refresh": refresh}).status_code == 401
    assert call_cart(f"Bearer {log_in(user).json()['data']['access']}") == 200


NEW_PASSWORD = "another horse battery"


def password_by_save(user: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save()


def password_by_save_of_the_field(user: User) -> None:
    user.set_password(NEW_PASSWORD)
    user.save(update_fields=["password"])


def password_by_update(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password=make_password(NEW_PASSWORD))


def password_by_admin(user: User) -> None:
    client = Client()
    client.force_login(StaffFactory.create())
    form = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.post(f"/admin/accounts/user/{user.pk}/password/", form).status_code == 302


def password_by_themselves_in_admin(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    answer = client.post("/admin/password_change/", {"old_password": PASSWORD} | new)
    assert answer.status_code == 302
    # The session in which it was set goes on.
    assert client.get("/admin/").status_code == 200


def password_by_raw_sql_and_the_task(user: User) -> None:
    execute(f"UPDATE accounts_user SET password = '!' WHERE id = '{user.pk}'")  # noqa: S608
    revoke_deactivated_users()


@pytest.mark.parametrize(
    "set_password",
    [
        password_by_save,
        password_by_save_of_the_field,
        password_by_update,
        password_by_admin,
        password_by_themselves_in_admin,
        password_by_raw_sql_and_the_task,
    ],
)
def test_another_password_ends_every_token_and_session_of_the_user_and_nobody_elses(
    set_password: Callable[[User], None],
) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    header, refresh, others = bearer(user), sign_in(user).refresh, bearer(other)
    session = Client()
    session.force_login(user)

    set_password(user)

    assert (call_cart(header), call_cart(others)) == (401, 200)
    assert error_of(get("/api/auth/me", authorization=header))[0] == 401
    assert error_of(get("/api/orders", authorization=header))[0] == 401
    assert error_of(post("/api/auth/refresh", {"refresh": refresh}))[0] == 401
    assert session.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


HASHERS = ["accounts.hashers.Argon2Hasher", "django.contrib.auth.hashers.MD5PasswordHasher"]


def test_a_hash_that_is_only_renewed_ends_nothing() -> None:
    user = StaffFactory.create()
    header, refresh, before = bearer(user), sign_in(user).refresh, user.password
    session = Client()
    session.force_login(user)

    with override_settings(PASSWORD_HASHERS=HASHERS):
        assert log_in(user).status_code == 200

    user.refresh_from_db()
    assert (user.password != before, user.generation) == (True, 0)
    assert call_cart(header) == 200
    assert post("/api/auth/refresh", {"refresh": refresh}).status_code == 200
    assert session.get("/admin/").status_code == 200
    assert not AccessChange.objects.exists()


def test_a_session_of_before_a_deactivation_does_not_come_back() -> None:
    staff = StaffFactory.create()
    session = Client()
    session.force_login(staff)

    by_update(staff, False)
    by_update(staff, True)

    assert session.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_a_row_written_back_whole_lowers_no_generation() -> None:
    user = UserFactory.create()
    stale = User.objects.get(pk=user.pk)
    by_update(user, False)
    by_update(user, True)
    header = bearer(User.objects.get(pk=user.pk))

    stale.first_name = "Lin"
    stale.save()

    assert stale.generation == User.objects.get(pk=user.pk).generation > 0
    assert call_cart(header) == 200


def test_an_account_made_again_under_its_old_id_has_living_tokens_of_its_own() -> None:
    user = UserFactory.create()
    old = bearer(user)
    User.objects.filter(pk=user.pk).delete()

    again = UserFactory.create(pk=user.pk)
    new = bearer(User.objects.get(pk=again.pk))

    assert (call_cart(old), call_cart(new)) == (401, 200)


def delete_one(user: User) -> None:
    user.delete()


def delete_queryset(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def delete_by_raw_sql_and_the_task(user: User) -> None:
    execute(f"DELETE FROM accounts_user WHERE id = '{user.pk}'")  # noqa: S608
    revoke_deactivated_users()


@pytest.mark.parametrize("delete", [delete_one, delete_queryset, delete_by_raw_sql_and_the_task])
def test_deletion_ends_a_users_tokens(delete: Callable[[User], None]) -> None:
    header = bearer(user := UserFactory.create())

    delete(user)

    assert call_cart(header) == 401


def test_a_refused_user_has_no_guest_cart_to_fall_back_on() -> None:
    header = bearer(user := UserFactory.create())
    by_update(user, False)

    response = get("/api/cart", authorization=header, x_guest_id="guest-12345678")

    assert error_of(response)[:2] == (401, "token_not_valid")


def test_a_change_that_is_rolled_back_ends_nothing() -> None:
    header = bearer(user := UserFactory.create())

    with transaction.atomic():
        by_update(user, False)
        transaction.set_rollback(True)

    assert call_cart(header) == 200


def test_a_wiped_redis_is_told_again_by_the_task(redis_server: Redis) -> None:
    header = bearer(user := UserFactory.create())
    by_save(user, False)
    redis_server.flushdb()
    assert call_cart(header) == 200

    revoke_deactivated_users()

    assert call_cart(header) == 401


def test_a_deactivation_while_redis_is_away_is_made_up_for_by_the_task() -> None:
    header = bearer(user := UserFactory.create())

    with without_redis("carts"):
        by_save(user, False)
    before = call_cart(header)
    revoke_deactivated_users()

    assert (before, call_cart(header)) == (200, 401)


def test_a_mark_outlives_every_token_and_is_then_forgotten(redis_server: Redis) -> None:
    user = UserFactory.create()
    by_save(user, False)

    (key,) = redis_server.keys("auth:ended:*")

    assert key == f"auth:ended:{user.pk}".encode()
    assert timedelta(minutes=15) < timedelta(seconds=redis_server.ttl(key)) <= timedelta(minutes=16)


def test_changes_no_token_outlived_are_forgotten(redis_server: Redis) -> None:
    old, recent = UserFactory.create(), UserFactory.create()
    for user in (old, recent):
        by_save(user, False)
    redis_server.flushdb()
    for user, minutes in ((old, 17), (recent, 15)):
        changed_at = timezone.now() - timedelta(minutes=minutes)
        AccessChange.objects.filter(pk=user.pk).update(changed_at=changed_at)

    revoke_deactivated_users()

    assert redis_server.keys("auth:ended:*") == [f"auth:ended:{recent.pk}".encode()]
    assert list(AccessChange.objects.values_list("pk", flat=True)) == [recent.pk]


def test_updates_of_other_fields_cost_one_query_and_read_no_user() -> None:
    UserFactory.create()

    with CaptureQueriesContext(connection) as queries:
        User.objects.update(first_name="Lin")

    assert len(queries) == 1


def test_a_bulk_change_is_told_to_redis_in_one_round_trip(
    redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]],
) -> None:
    UserFactory.create_batch(5)

    with redis_round_trips() as trips:
        User.objects.update(is_active=False)

    assert trips.count == 1


@pytest.mark.parametrize("count", [1, 5])
def test_a_bulk_deactivation_takes_the_same_queries_whatever_the_number(count: int) -> None:
    UserFactory.create_batch(count)

    with CaptureQueriesContext(connection) as queries:
        User.objects.update(is_active=False)

    statements = [query["sql"].split()[0] for query in queries]
    assert [word for word in statements if word in {"SELECT", "UPDATE"}] == [
        "SELECT",
        "UPDATE",
        "SELECT",
    ]


def test_a_cart_call_reads_no_user() -> None:
    header = bearer(UserFactory.create())

    with CaptureQueriesContext(connection) as queries:
        status = call_cart(header)

    assert status == 200
    assert [query["sql"] for query in queries if "accounts_" in query["sql"]] == []
