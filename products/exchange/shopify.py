"""Product exports of Shopify: a row for each variant or image; one has the product's own cells.

Columns are known by their names from before 2025 and by those of today.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from products.exchange.codes import make_code
from products.exchange.entries import EntryError, Faulty, Read
from products.exchange.gathering import read_products
from products.exchange.tables import Row, read_rows
from products.exchange.values import parse_flag, parse_price, parse_stock, strip_html

_OPTIONS = (1, 2, 3)
# What Shopify calls the only variant of a product without options.
_NO_OPTION = "Default Title"
_HANDLE = ("handle", "url handle")
_PRICE = ("variant price", "price")


def read_shopify(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of an export."""
    return read_products(read_rows(path), _Shopify(currency))


@dataclass(frozen=True, slots=True)
class _Shopify:
    currency: str

    def key(self, row: Row) -> str:
        return row.require(*_HANDLE)

    def build_product(self, rows: Sequence[Row]) -> dict[str, Any]:
        head = next((row for row in rows if row.get("title")), None)
        if head is None:
            raise EntryError("no row of this handle has a title")
        vendor = head.get("vendor")
        return {
            "externalId": head.get(*_HANDLE),
            "name": head.get("title"),
            "description": strip_html(head.get("body (html)", "description")),
            "images": _read_images(rows),
            "merchant": {"name": vendor} if vendor else None,
            "status": int(_is_on_shelf(head)),
        }

    def build_sku(self, row: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
        if not row.get(*_PRICE) and not row.get("option1 value"):
            return None
        attributes = _read_options(row, rows)
        price = parse_price(row.require(*_PRICE), "price", currency=self.currency)
        tracker = row.get("variant inventory tracker", "inventory tracker")
        quantity = row.get("variant inventory qty", "inventory quantity")
        code = row.get("variant sku", "sku")
        return {
            "code": code or make_code([row.get(*_HANDLE), *attributes.values()]),
            "attributes": attributes,
            "price": price,
            "originalPrice": _original_price(row, price, self.currency),
            "stock": parse_stock(quantity, "stock") if quantity else None,
            "tracksStock": bool(tracker) and not _goes_on_selling(row),
            "barcode": row.get("variant barcode", "barcode").lstrip("'"),
        }


def _read_options(row: Row, rows: Sequence[Row]) -> dict[str, str]:
    """Return what tells a variant from the others; the names stand in the product's first row."""
    values = {number: row.get(f"option{number} value") for number in _OPTIONS}
    return {
        _option_name(rows, number): value
        for number, value in values.items()
        if value and value != _NO_OPTION
    }


def _option_name(rows: Sequence[Row], number: int) -> str:
    found = (row.get(f"option{number} name") for row in rows)
    return next(filter(None, found), f"Option {number}")


def _original_price(row: Row, price: Decimal, currency: str) -> Decimal | None:
    cell = row.get("variant compare at price", "compare-at price")
    if not cell:
        return None
    original = parse_price(cell, "compare at price", currency=currency)
    return original if original > price else None


def _goes_on_selling(row: Row) -> bool:
    cell = row.get("variant inventory policy", "continue selling when out of stock").lower()
    return cell in ("continue", "true")


def _is_on_shelf(head: Row) -> bool:
    published = head.get("published", "published on online store")
    is_published = parse_flag(published, "published", default=True)
    return is_published and parse_flag(head.get("status"), "status", default=True)


def _read_images(rows: Sequence[Row]) -> list[str]:
    """Return the product's images by position, then those that only variants have."""
    placed: list[tuple[int, str]] = []
    for row in rows:
        if source := row.get("image src", "product image url"):
            position = row.get("image position")
            placed.append((int(position) if position.isdecimal() else len(placed), source))
    images = [source for _, source in sorted(placed)]
    variants = [row.get("variant image", "variant image url") for row in rows]
    return list(dict.fromkeys([*images, *filter(None, variants)]))
