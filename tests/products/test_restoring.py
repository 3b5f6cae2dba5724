"""Dumps go back into a migrated database: PostgreSQL's own, of some tables, and Django's."""

import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.models import User
from config.development.store_servers import find_postgres_programs
from products.models import Product, Sku, SkuRevision, StockReason
from products.stock import Cause, adjust
from tests.accounts.factories import UserFactory
from tests.factories import SkuFactory
from tests.products.rows import take_units

TABLES = (
    "products_merchant",
    "products_product",
    "products_productlisting",
    "products_sku",
    "products_skurevision",
    "products_stockchange",
    "products_purchasetally",
    "accounts_user",
    "accounts_accesschange",
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _catalogue(transactional_db: None) -> None:
    """Two SKUs with a history of names, prices and stock, and a user who was shut out."""
    sku = SkuFactory.create(attributes={"b": "1", "a": "2"})
    SkuFactory.create(product=sku.product, stock=0)
    Sku.objects.filter(pk=sku.pk).update(price=Decimal("0.07"))
    Product.objects.update(name="'New' \\ name", images=[])
    cause = Cause(StockReason.DELIVERY, "", "staff:u1")
    adjust(sku_id=sku.pk, units=5, cause=cause, now=timezone.now())
    with transaction.atomic():
        take_units(buyer="user:u1", units={sku.pk: 2})
    user = UserFactory.create()
    User.objects.filter(pk=user.pk).update(is_active=False)


def read_tables() -> dict[str, list[Any]]:
    """Return every row of every table, as text."""
    with connection.cursor() as cursor:
        rows = {}
        for table in TABLES:
            name = sql.Identifier(table)
            cursor.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(name))
            rows[table] = cursor.fetchall()
        return rows


def empty_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")


def run_program(name: str, *arguments: str, given: str | None = None) -> str:
    settings = connection.settings_dict
    names = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    url = make_conninfo(**{name: settings[key] for name, key in names.items() if settings[key]})
    ended = subprocess.run(
        [str(find_postgres_programs() / name), f"--dbname={url}", *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def restore(dump: str) -> None:
    run_program("psql", "--set=ON_ERROR_STOP=1", "--quiet", given=dump)


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("options", [[], ["--inserts"], ["--disable-triggers"]])
def test_pg_dump_of_the_data_goes_back(options: list[str]) -> None:
    before = read_tables()
    tables = [f"--table={table}" for table in TABLES]
    dump = run_program("pg_dump", "--data-only", *options, *tables)

    empty_tables()
    restore(dump)

    assert read_tables() == before
    assert_history_goes_on()


@pytest.mark.usefixtures("_catalogue")
def test_skus_alone_go_back_and_get_a_revision() -> None:
    before = read_tables()
    dump = run_program("pg_dump", "--data-only", "--table=products_sku")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE products_sku CASCADE")

    restore(dump)

    after = read_tables()
    assert after["products_sku"] == before["products_sku"]
    assert after["products_productlisting"] == before["products_productlisting"]
    assert {sku.revision for sku in Sku.objects.all()} == {
        revision.pk for revision in SkuRevision.objects.all()
    }
    assert_history_goes_on()


@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_dumpdata_goes_back_by_loaddata_also_twice(tmp_path: Path, suffix: str) -> None:
    before = read_tables()
    path = str(tmp_path / f"dump.{suffix}")
    models = ("products", "accounts.User", "accounts.AccessChange")
    call_command("dumpdata", *models, format=suffix, output=path)

    empty_tables()
    for _ in range(2):
        call_command("loaddata", path, verbosity=0)
        # JSON has times in milliseconds.
        blur = without_times if suffix == "json" else dict
        assert blur(read_tables()) == blur(before)

    assert_history_goes_on()


def without_times(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        name: sorted(re.sub(r'"\d{4}-[^"]*"', "", row) for (row,) in rows)
        for name, rows in tables.items()
    }


def assert_history_goes_on() -> None:
    """A new price leaves a revision under a new number, as ever."""
    numbers = set(SkuRevision.objects.values_list("pk", flat=True))

    Sku.objects.update(price=9)

    added = set(SkuRevision.objects.values_list("pk", flat=True)) - numbers
    assert set(Sku.objects.values_list("revision", flat=True)) == added


def test_every_trigger_finds_its_tables_without_a_search_path() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang "
            "WHERE p.pronamespace = current_schema()::regnamespace AND l.lanname = 'plpgsql' "
            "AND p.proname LIKE 'products\\_%' "
            "AND NOT coalesce(array_to_string(p.proconfig, ',') LIKE '%search_path=%', false)"
        )
        assert cursor.fetchall() == []
