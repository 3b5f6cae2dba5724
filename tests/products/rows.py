"""Looking at the catalogue's rows, selling them, and changing them past the ORM."""

from collections.abc import Mapping
from importlib import import_module

from django.db import connection

from products.models import PurchaseTally, Sku
from products.stock import hold_offers, take


def read_stock(*skus: Sku) -> list[int]:
    """Return the units left of each SKU."""
    stock = dict(Sku.objects.values_list("id", "stock"))
    return [stock[sku.id] for sku in skus]


def read_tallies() -> dict[tuple[str, str], int]:
    """Return the units bought by SKU id and buyer: a user or a guest."""
    return {key: units for key, units in read_all_tallies().items() if not _is_contact(key)}


def read_contact_tallies() -> dict[tuple[str, str], int]:
    """Return the units bought by guests, by SKU id and contact."""
    return {key: units for key, units in read_all_tallies().items() if _is_contact(key)}


def read_all_tallies() -> dict[tuple[str, str], int]:
    return {(tally.sku_id, tally.buyer): tally.units for tally in PurchaseTally.objects.all()}


def take_units(*, buyer: str, units: Mapping[str, int]) -> None:
    """Hold the SKUs and take these units of them, as an order does."""
    offers = hold_offers(sku_ids=units, buyer=buyer)
    take(offers=offers, units=units, buyer=buyer)


def _is_contact(key: tuple[str, str]) -> bool:
    return key[1].startswith("contact:")


def run_sql(sql: str, *parameters: str) -> None:
    """Run a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)


def insert_goods_of_old(*, name: str, price: int, status: int) -> None:
    """Insert a merchant, a product and a SKU with the columns that tables had at first."""
    insert_product_of_old("p", name=name, status=status)
    run_sql(
        "INSERT INTO products_sku (id, product_id, code, attributes, price, stock, is_active,"
        " is_deleted, revision, created_at, updated_at)"
        " VALUES ('s', 'p', 'TH-1', '{}', %s, 1, true, false, 0, now(), now())",
        str(price),
    )


def insert_product_of_old(product_id: str, *, name: str, status: int) -> None:
    """Insert a merchant with a product that has no SKU."""
    run_sql(
        "INSERT INTO products_merchant (id, name, created_at, updated_at)"
        " VALUES ('m', 'M', now(), now())"
    )
    run_sql(
        "INSERT INTO products_product (id, merchant_id, name, description, images, status,"
        " is_deleted, created_at, updated_at)"
        " VALUES (%s, 'm', %s, '', '[]', %s, false, now(), now())",
        product_id,
        name,
        str(status),
    )


def replace_function(sql: str) -> None:
    """Put another body in the place of a trigger's, with the search path that all of them keep."""
    run_sql(sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    run_sql(import_module("products.migrations.0013_restorable").KEEP_SEARCH_PATH)
