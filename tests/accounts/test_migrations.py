"""What an upgrade makes of those who are signed in."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from accounts.signing import SignedRefreshToken
from tests.accounts.calls import get, post
from tests.accounts.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

# As the library made them that kept the tokens before.
TABLES = """
CREATE TABLE token_blacklist_outstandingtoken (
    id bigserial PRIMARY KEY, token text NOT NULL, created_at timestamptz,
    expires_at timestamptz NOT NULL, user_id varchar(24) REFERENCES accounts_user (id),
    jti varchar(255) NOT NULL UNIQUE
);
CREATE TABLE token_blacklist_blacklistedtoken (
    id bigserial PRIMARY KEY, blacklisted_at timestamptz,
    token_id bigint NOT NULL UNIQUE REFERENCES token_blacklist_outstandingtoken (id)
);
"""


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


@pytest.fixture
def _release_before() -> Iterator[None]:
    """Go back to the tables of the release before there were families."""
    call_command("migrate", "accounts", "0003", verbosity=0)
    execute(TABLES)
    yield
    execute("DROP TABLE token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken")
    call_command("migrate", verbosity=0)


def add_user(*, is_active: bool = True) -> str:
    """Add a row of a user as that release does; return the id."""
    user: User = UserFactory.build(is_active=is_active)
    names = [field.attname for field in User._meta.fields if field.name != "generation"]
    values = [getattr(user, name) for name in names]
    marks = ", ".join(["%s"] * len(names))
    execute(f"INSERT INTO accounts_user ({', '.join(names)}) VALUES ({marks})", *values)  # noqa: S608
    return user.pk


def sign_in(user_id: str) -> SignedRefreshToken:
    """Sign a refresh token as that release does, and keep it as that release does."""
    token = SignedRefreshToken()
    token["user_id"] = user_id
    execute(
        "INSERT INTO token_blacklist_outstandingtoken (token, expires_at, user_id, jti)"
        " VALUES (%s, now() + interval '1 day', %s, %s)",
        *(str(token), user_id, token["jti"]),
    )
    return token


def refresh(token: SignedRefreshToken) -> int:
    return post("/api/auth/refresh", {"refresh": str(token)}).status_code


@pytest.mark.usefixtures("_release_before")
def test_an_upgrade_signs_nobody_out_and_revives_nobody() -> None:
    user_id, inactive_id = add_user(), add_user(is_active=False)
    living, ended, inactive = sign_in(user_id), sign_in(user_id), sign_in(inactive_id)
    execute(
        "INSERT INTO token_blacklist_blacklistedtoken (token_id)"
        " SELECT id FROM token_blacklist_outstandingtoken WHERE jti = %s",
        ended["jti"],
    )

    call_command("migrate", verbosity=0)

    header = f"Bearer {living.access_token}"
    assert get("/api/auth/me", authorization=header).status_code == 200
    User.objects.filter(pk=inactive_id).update(is_active=True)
    assert (refresh(living), refresh(ended), refresh(inactive)) == (200, 401, 401)
    # Raw SQL still deletes a user, and no token is left in clear.
    execute("DELETE FROM accounts_user WHERE id = %s", user_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT token FROM token_blacklist_outstandingtoken")
        assert cursor.fetchall() == [("",)]


@pytest.mark.usefixtures("_release_before")
def test_tokens_that_have_ended_stay_so_on_the_way_back() -> None:
    call_command("migrate", verbosity=0)
    user = UserFactory.create()
    User.objects.filter(pk=user.pk).update(password="!")

    call_command("migrate", "accounts", "0003", verbosity=0)

    with connection.cursor() as cursor:
        cursor.execute("SELECT user_id, is_revoked FROM accounts_accesschange")
        assert cursor.fetchall() == [(user.pk, True)]
