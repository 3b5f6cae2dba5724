"""Looking at the catalogue's rows, and changing them past the ORM."""

from django.db import connection

from products.models import PurchaseTally, Sku


def read_stock(*skus: Sku) -> list[int]:
    """Return the units left of each SKU."""
    stock = dict(Sku.objects.values_list("id", "stock"))
    return [stock[sku.id] for sku in skus]


def read_tallies() -> dict[tuple[str, str], int]:
    """Return the units bought by SKU id and buyer."""
    return {(tally.sku_id, tally.buyer): tally.units for tally in PurchaseTally.objects.all()}


def run_sql(sql: str, *parameters: str) -> None:
    """Run a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
