"""How long the database may take to answer: the server's bound and the connection's."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from config.http import database
from config.http.database import bound_statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def _bounded_to_a_second(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATABASE_STATEMENT_TIMEOUT_MS = 900
    monkeypatch.setattr(database, "_GRACE_SECONDS", 0.1)


@pytest.mark.usefixtures("_bounded_to_a_second")
def test_a_statement_that_may_take_long_is_waited_for() -> None:
    with bound_statements(timedelta(minutes=1)), connection.cursor() as cursor:
        cursor.execute("SELECT 'done' FROM pg_sleep(1.5)")
        assert cursor.fetchone() == ("done",)


def test_a_statement_that_takes_longer_than_it_may_fails() -> None:
    with (
        pytest.raises(OperationalError, match="statement timeout"),
        bound_statements(timedelta(milliseconds=50)),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(30)")
