import re

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from accounts.models import AccessChange, User
from tests.accounts.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def test_a_user_has_a_cuid_as_primary_key() -> None:
    user = UserFactory.create()

    assert re.fullmatch(r"[a-z][a-z0-9]{23}", user.pk)


@pytest.mark.parametrize(
    ("username", "email"), [("LIN", "other@example.com"), ("other", "LIN@EXAMPLE.COM")]
)
def test_names_and_addresses_that_differ_by_case_alone_are_refused_by_the_database(
    username: str, email: str
) -> None:
    UserFactory.create(username="lin", email="lin@example.com")

    with pytest.raises(IntegrityError):
        User.objects.create_user(username, email, PASSWORD)


def test_forms_say_which_field_is_taken() -> None:
    UserFactory.create(username="lin", email="lin@example.com")
    twin = User(username="LIN", email="LIN@example.com", password="x")

    with pytest.raises(ValidationError) as refusal:
        twin.full_clean()

    assert refusal.value.messages == [
        "A user with that username already exists.",
        "A user with that email address already exists.",
    ]


def test_the_admin_login_finds_a_user_whatever_the_case_of_the_name() -> None:
    user = UserFactory.create(username="Lin")

    assert authenticate(username="lIN", password=PASSWORD) == user


def test_the_database_records_what_ends_tokens_by_raw_sql() -> None:
    user_id = UserFactory.create().pk

    recorded = []
    for statement in (
        "UPDATE accounts_user SET first_name = 'x', is_active = is_active WHERE id = %s",
        "UPDATE accounts_user SET is_active = false WHERE id = %s",
        "UPDATE accounts_user SET is_active = true, generation = 0 WHERE id = %s",
        "UPDATE accounts_user SET password = '!' WHERE id = %s",
        "UPDATE accounts_user SET generation = generation + 1 WHERE id = %s",
        "DELETE FROM accounts_user WHERE id = %s",
    ):
        with connection.cursor() as cursor:
            cursor.execute(statement, [user_id])
        recorded.append(AccessChange.objects.values_list("generation", flat=True).first() or 0)

    unchanged, inactive, active, password, by_hand, deleted = recorded
    assert 0 == unchanged < inactive == active < password < by_hand < deleted
