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


def replace_function(sql: str) -> None:
    """Put another body in the place of a trigger's, with the search path that all of them keep."""
    run_sql(sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    run_sql(import_module("products.migrations.0013_restorable").KEEP_SEARCH_PATH)
