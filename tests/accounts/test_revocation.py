"""A deactivated user's tokens are refused on cart calls, which never look at the users' table."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from accounts.models import AccessChange, User
from accounts.tasks import revoke_deactivated_users
from tests.accounts.calls import bearer, error_of, get
from tests.accounts.factories import StaffFactory, UserFactory
from tests.accounts.test_login import without_redis

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
def test_deactivation_ends_a_users_tokens_and_nobody_elses_until_reactivation(
    set_active: Callable[[User, bool], None],
) -> None:
    header, other = bearer(user := UserFactory.create()), bearer(UserFactory.create())
    assert call_cart(header) == 200

    set_active(user, False)
    while_inactive = (call_cart(header), call_cart(other))
    set_active(user, True)

    assert while_inactive == (401, 200)
    assert call_cart(header) == 200


def delete_one(user: User) -> None:
    user.delete()


def delete_queryset(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def delete_by_raw_sql_and_the_task(user: User) -> None:
    execute("DELETE FROM token_blacklist_outstandingtoken")
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

    (key,) = redis_server.keys("auth:revoked:*")

    assert key == f"auth:revoked:{user.pk}".encode()
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

    assert redis_server.keys("auth:revoked:*") == [f"auth:revoked:{recent.pk}".encode()]
    assert list(AccessChange.objects.values_list("pk", flat=True)) == [recent.pk]


def test_updates_of_other_fields_cost_one_query_and_read_no_user() -> None:
    UserFactory.create()

    with CaptureQueriesContext(connection) as queries:
        User.objects.update(first_name="Lin")

    assert len(queries) == 1


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
