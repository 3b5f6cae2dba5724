"""How long the database may take to answer, and transactions that begin again."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable
from pytest_django import Settings

from config.stores import database
from config.stores.database import allow_rest, bound_statements, in_transaction, list_timeouts
from products.models import Sku
from tests.factories import SkuFactory
from tests.faults.servers import wait_until
from tests.products.threads import PATIENCE_SECONDS

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


def ask(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_transaction_brings_its_bounds_along(settings: Settings) -> None:
    settings.DATABASE_STATEMENT_TIMEOUT_MS = 7_001
    settings.DATABASE_LOCK_TIMEOUT_MS = 7_002
    settings.DATABASE_IDLE_TIMEOUT_MS = 7_003

    with transaction.atomic():
        bounds = {name: ask(f"SHOW {name}") for name in list_timeouts()}

    assert bounds == {name: f"{ms}ms" for name, ms in list_timeouts().items()}
    assert ask("SHOW idle_in_transaction_session_timeout") == "0"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_rests_for_too_long_lets_its_rows_go(settings: Settings) -> None:
    sku = SkuFactory.create()
    settings.DATABASE_IDLE_TIMEOUT_MS = 1_000

    with pytest.raises(OperationalError):
        lock_until_it_changes(sku)

    assert Sku.objects.get(pk=sku.pk).stock == 7


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_may_rest_does_so(settings: Settings) -> None:
    settings.DATABASE_IDLE_TIMEOUT_MS = 1_000

    with transaction.atomic():
        allow_rest(timedelta(minutes=1))
        time.sleep(1.5)
        assert ask("SELECT 'still here'") == "still here"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_bounded_to_a_second")
def test_a_statement_that_is_given_up_is_ended_on_the_server_too(settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")

    with pytest.raises(OperationalError):
        ask("SELECT pg_sleep(1234)")

    assert connection.connection.closed
    connection.close()
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1234)'"
    wait_until(lambda: ask(running + " AND pid <> pg_backend_pid()") == "0")


class Beginnings:
    """Changes a SKU in a transaction, and counts how often that began."""

    def __init__(self, sku: Sku) -> None:
        self.sku, self.count = sku, 0

    def __call__(self) -> None:
        self.count += 1
        Sku.objects.filter(pk=self.sku.pk).update(stock=7)


@contextmanager
def locked_elsewhere(sku: Sku) -> Iterator[None]:
    """Hold a SKU's row in another connection's transaction."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT FROM products_sku WHERE id = %s FOR UPDATE", [sku.pk])
            yield
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_waits_too_long_for_a_row_begins_once_more_and_then_fails(
    settings: Settings,
) -> None:
    change = Beginnings(SkuFactory.create())
    settings.DATABASE_LOCK_TIMEOUT_MS = 50

    with locked_elsewhere(change.sku), pytest.raises(OperationalError) as failure:
        in_transaction(change)()

    assert isinstance(failure.value.__cause__, LockNotAvailable)
    assert change.count == 2


@pytest.mark.django_db(transaction=True)
def test_within_another_transaction_the_outermost_begins_again(settings: Settings) -> None:
    change, outer = Beginnings(SkuFactory.create()), 0
    settings.DATABASE_LOCK_TIMEOUT_MS = 50

    @in_transaction
    def change_twice() -> None:
        nonlocal outer
        outer += 1
        in_transaction(change)()

    with locked_elsewhere(change.sku), pytest.raises(OperationalError):
        change_twice()

    assert change.count == outer == 2


def lock_until_it_changes(sku: Sku) -> None:
    with transaction.atomic():
        Sku.objects.select_for_update().get(pk=sku.pk)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(change_elsewhere, sku).result(PATIENCE_SECONDS)
        ask("SELECT 1")


def change_elsewhere(sku: Sku) -> None:
    try:
        Sku.objects.filter(pk=sku.pk).update(stock=7)
    finally:
        connection.close()
