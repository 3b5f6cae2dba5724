"""Bring the rows of one product together, wherever in a file they stand, in bounded memory."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Protocol

from products.exchange.entries import EntryError, Faulty, Read
from products.exchange.parsing import parse_product, parse_sku
from products.exchange.tables import Row

# SQLite keeps a database of this name in a file that it removes with the connection.
_ON_DISK = ""
_IN_ORDER = """
SELECT key, line, cells FROM (
    SELECT *, rowid AS place, min(rowid) OVER (PARTITION BY key) AS first FROM rows
) ORDER BY first, place
"""


class Format(Protocol):
    """How one kind of table says what a product is. Each may raise EntryError."""

    def key(self, row: Row) -> str:
        """Return what tells a row's product from others."""

    def build_product(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the product of some rows as JSON has it, but for its SKUs."""

    def build_sku(self, row: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
        """Return a row's SKU as JSON has it, or None for a row that is none."""


def read_products(rows: Iterable[Row | Faulty], form: Format) -> Iterator[Read | Faulty]:
    """Yield the products of a table, and each bad row; the good rows of a product are kept.

    Rows that cannot be read come first, then the products in the order of their first rows.
    """
    with closing(sqlite3.connect(_ON_DISK)) as store:
        store.execute("CREATE TABLE rows (key TEXT, line INTEGER, cells TEXT)")
        for row in rows:
            if isinstance(row, Faulty):
                yield row
                continue
            try:
                values = (form.key(row), row.line, json.dumps(row.cells))
            except EntryError as error:
                yield Faulty(row.line, str(error))
                continue
            store.execute("INSERT INTO rows VALUES (?, ?, ?)", values)
        for name, group in groupby(store.execute(_IN_ORDER), key=lambda found: str(found[0])):
            gathered = [Row(line, json.loads(cells)) for _, line, cells in group]
            yield from _read_product(name, gathered, form)


def _read_product(name: str, rows: list[Row], form: Format) -> Iterator[Read | Faulty]:
    try:
        product = form.build_product(rows)
    except EntryError as error:
        yield Faulty(rows[0].line, str(error), name)
        return
    skus = []
    is_faulty = False
    for row in rows:
        try:
            sku = form.build_sku(row, rows)
            if sku is not None:
                skus.append(parse_sku(sku))
        except EntryError as error:
            is_faulty = True
            yield Faulty(row.line, str(error), name)
    if is_faulty and not skus:
        return
    try:
        yield Read(rows[0].line, parse_product(product, skus))
    except EntryError as error:
        yield Faulty(rows[0].line, str(error), name)
