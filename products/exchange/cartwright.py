"""Cartwright's own table: a row for each SKU, with the product's cells in every one.

A text that a spreadsheet would take for a formula begins with an apostrophe there.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from products.exchange.entries import EntryError, Faulty, ProductEntry, Read, SkuEntry
from products.exchange.gathering import read_products
from products.exchange.tables import Row, read_header, read_rows
from products.exchange.values import parse_flag, parse_integer, parse_price, parse_stock

_COLUMNS = (
    *("external_id", "name", "description", "images", "merchant", "merchant_external_id"),
    *("on_shelf", "code", "sku_external_id", "price", "original_price", "stock", "tracks_stock"),
    *("purchase_limit", "min_quantity", "quantity_step", "barcode", "active", "translations"),
)
_ATTRIBUTE = re.compile(r"attribute\d+_(name|value)")
_FORMULA = ("=", "+", "-", "@", "'", "\t", "\r")


def read_cartwright(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of a table. Raises EntryError for a column that is not known."""
    unknown = [
        name
        for name in read_header(path)
        if name not in _COLUMNS and not _ATTRIBUTE.fullmatch(name)
    ]
    if unknown:
        raise EntryError(f"columns are not known: {', '.join(unknown)}")
    return read_products(read_rows(path), _Cartwright(currency))


def write_cartwright(entries: Iterable[ProductEntry], file: TextIO, *, attributes: int) -> None:
    """Write a table with room for so many attributes of a SKU."""
    numbers = range(1, attributes + 1)
    names = [*_COLUMNS, *(f"attribute{n}_{part}" for n in numbers for part in ("name", "value"))]
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    for entry in entries:
        writer.writerows(_write_row(entry, sku) for sku in entry.skus)


def _write_row(entry: ProductEntry, sku: SkuEntry) -> dict[str, str]:
    merchant = entry.merchant
    values: dict[str, object] = {
        "external_id": entry.external_id,
        "name": entry.name,
        "description": entry.description,
        "images": "\n".join(entry.images),
        "merchant": merchant.name if merchant else None,
        "merchant_external_id": merchant.external_id if merchant else None,
        "on_shelf": entry.is_on_shelf,
        "code": sku.code,
        "sku_external_id": sku.external_id,
        "price": sku.price,
        "original_price": sku.original_price,
        "stock": sku.stock,
        "tracks_stock": sku.tracks_stock,
        "purchase_limit": sku.purchase_limit,
        "min_quantity": sku.min_quantity,
        "quantity_step": sku.quantity_step,
        "barcode": sku.barcode,
        "active": sku.is_active,
        "translations": json.dumps(entry.translations, ensure_ascii=False)
        if entry.translations
        else None,
    }
    for number, (name, value) in enumerate(sku.attributes.items(), start=1):
        values |= {f"attribute{number}_name": name, f"attribute{number}_value": value}
    return {name: _guard(value) for name, value in values.items()}


def _guard(value: object) -> str:
    """Return a cell's text; what would be a formula begins with an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


@dataclass(frozen=True, slots=True)
class _Cartwright:
    currency: str

    def key(self, row: Row) -> str:
        return _plain(row.require("external_id"))

    def build_product(self, rows: Sequence[Row]) -> dict[str, Any]:
        head = rows[0]
        name = _text(head, "merchant")
        merchant = {"name": name, "externalId": _text(head, "merchant_external_id") or None}
        return {
            "externalId": self.key(head),
            "name": _text(head, "name"),
            "description": _text(head, "description"),
            "images": _text(head, "images").split(),
            "merchant": merchant if name else None,
            "status": int(parse_flag(head.get("on_shelf"), "on_shelf", default=True)),
            "translations": _read_translations(head.get("translations")),
        }

    def build_sku(self, row: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
        original, stock = row.get("original_price"), row.get("stock")
        return {
            "code": _plain(row.require("code")),
            "externalId": _text(row, "sku_external_id") or None,
            "attributes": _read_attributes(row),
            "price": parse_price(row.require("price"), "price", currency=self.currency),
            "originalPrice": parse_price(original, "original_price", currency=self.currency)
            if original
            else None,
            "stock": parse_stock(stock, "stock") if stock else None,
            "tracksStock": parse_flag(row.get("tracks_stock"), "tracks_stock", default=True),
            "purchaseLimit": _read_integer(row, "purchase_limit"),
            "minQuantity": _read_integer(row, "min_quantity"),
            "quantityStep": _read_integer(row, "quantity_step"),
            "barcode": _text(row, "barcode"),
            "isActive": parse_flag(row.get("active"), "active", default=True),
        }


def _read_attributes(row: Row) -> dict[str, str]:
    attributes = {}
    number = 1
    while name := _text(row, f"attribute{number}_name"):
        attributes[name] = _text(row, f"attribute{number}_value")
        number += 1
    return attributes


def _read_translations(cell: str) -> object:
    try:
        return json.loads(cell) if cell else None
    except ValueError as error:
        raise EntryError("translations is no JSON") from error


def _read_integer(row: Row, name: str) -> int | None:
    cell = row.get(name)
    return parse_integer(cell, name) if cell else None


def _text(row: Row, name: str) -> str:
    return _plain(row.get(name))


def _plain(cell: str) -> str:
    return cell.removeprefix("'")
