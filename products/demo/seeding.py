"""Loading the demo shop into the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from config.stores.database import in_transaction, lock_rows
from products.demo.catalogue import read_catalogue
from products.models import Merchant, Sku


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many rows of one table the demo shop has, and how many of them were missing."""

    table: str
    total: int
    added: int


def add_missing_rows() -> list[Seeded]:
    """Add the rows of the demo shop that are missing; the others stay as they are."""
    with transaction.atomic():
        return [_add_missing(rows) for rows in _rows_by_table()]


@in_transaction
def reset_rows() -> list[Seeded]:
    """Add the missing rows, and turn the others back to what they were at first, stock included.

    Purchases, revisions and rows of the shop's own are untouched. Raises IntegrityError, with
    nothing changed, if a SKU of the shop's own has the code of a demo SKU.
    """
    tables = _rows_by_table()
    merchants = Merchant.objects.filter(pk__in=[merchant.pk for merchant in tables[0]])
    lock_rows(merchants)
    # The writes below make triggers renew these SKUs, in the triggers' own order.
    lock_rows(Sku.objects.filter(product__merchant__in=merchants))
    return [_reset(rows) for rows in tables]


def _rows_by_table() -> Sequence[Sequence[models.Model]]:
    catalogue = read_catalogue()
    return [catalogue.merchants, catalogue.products, catalogue.skus]


def _add_missing(rows: Sequence[models.Model]) -> Seeded:
    seeded = _count(rows)
    # Two runs at once may find the same rows missing, and a code may be taken.
    _model(rows)._default_manager.bulk_create(rows, ignore_conflicts=True)
    return seeded


def _reset(rows: Sequence[models.Model]) -> Seeded:
    seeded = _count(rows)
    model = _model(rows)
    columns = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    model._default_manager.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=columns
    )
    return seeded


def _count(rows: Sequence[models.Model]) -> Seeded:
    model = _model(rows)
    known = model._default_manager.filter(pk__in=[row.pk for row in rows]).count()
    return Seeded(str(model._meta.verbose_name_plural), len(rows), len(rows) - known)


def _model(rows: Sequence[models.Model]) -> type[Any]:
    return type(rows[0])
