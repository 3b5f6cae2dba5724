"""Product exports of WooCommerce: simple products, and variable ones with a row a variation.

A variation names its parent by SKU or by "id:<ID>", and may stand anywhere in the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from products.exchange.codes import make_code
from products.exchange.entries import EntryError, Faulty, Read
from products.exchange.gathering import read_products
from products.exchange.tables import Row, read_rows
from products.exchange.values import parse_flag, parse_price, parse_stock, strip_html

_KINDS = ("simple", "variable", "variation")


def read_woocommerce(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of an export. Other kinds than simple and variable ones are faulty."""
    parents = {
        row.get("sku"): f"id:{row.get('id')}"
        for row in read_rows(path)
        if isinstance(row, Row) and row.get("sku") and row.get("type").startswith("variable")
    }
    return read_products(read_rows(path), _WooCommerce(currency, parents))


@dataclass(frozen=True, slots=True)
class _WooCommerce:
    """`parents` are the keys of variable products by their SKUs."""

    currency: str
    parents: Mapping[str, str]

    def key(self, row: Row) -> str:
        kind = _kind(row)
        if kind not in _KINDS:
            raise EntryError(f"products of type {kind!r} cannot be sold here")
        if kind != "variation":
            return f"id:{row.require('id')}"
        parent = row.require("parent")
        return self.parents.get(parent, parent)

    def build_product(self, rows: Sequence[Row]) -> dict[str, Any]:
        head = _find_head(rows)
        description = head.get("description") or head.get("short description")
        return {
            "externalId": head.require("id"),
            "name": head.get("name"),
            # Line breaks are written as the two characters \\n.
            "description": strip_html(description.replace("\\n", "\n")),
            "images": _read_images(rows),
            "status": int(parse_flag(head.get("published"), "published", default=True)),
        }

    def build_sku(self, row: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
        head = _find_head(rows)
        if row is head and _kind(head) == "variable":
            return None
        regular = parse_price(row.require("regular price"), "regular price", currency=self.currency)
        sale = row.get("sale price")
        price = parse_price(sale, "sale price", currency=self.currency) if sale else regular
        return {
            "code": row.get("sku") or make_code(["woo", row.require("id")]),
            "externalId": row.require("id"),
            "attributes": _read_attributes(row) if row is not head else {},
            "price": price,
            "originalPrice": regular if regular > price else None,
            **_read_stock(row, head),
            "barcode": row.get("gtin, upc, ean, or isbn"),
            "isActive": parse_flag(row.get("published"), "published", default=True),
        }


def _kind(row: Row) -> str:
    """Return the kind of product; "simple, virtual" is a simple one."""
    return row.require("type").split(",")[0].strip().lower()


def _find_head(rows: Sequence[Row]) -> Row:
    for row in rows:
        if _kind(row) != "variation":
            return row
    raise EntryError(f"there is no parent {rows[0].get('parent')!r} in the file")


def _read_stock(row: Row, head: Row) -> dict[str, Any]:
    """Read the stock; "parent" is that of the parent, and an empty one is not tracked."""
    cell = row.get("stock")
    if cell.lower() == "parent":
        cell = head.get("stock")
    if not cell:
        is_there = parse_flag(row.get("in stock?"), "in stock?", default=True)
        return {"stock": None, "tracksStock": False} if is_there else {"stock": 0}
    goes_on = row.get("backorders allowed?").lower() in ("1", "yes", "notify")
    return {"stock": parse_stock(cell, "stock"), "tracksStock": not goes_on}


def _read_attributes(row: Row) -> dict[str, str]:
    attributes = {}
    number = 1
    while name := row.get(f"attribute {number} name"):
        if value := row.get(f"attribute {number} value(s)"):
            attributes[name] = value
        number += 1
    return attributes


def _read_images(rows: Sequence[Row]) -> list[str]:
    images = (image.strip() for row in rows for image in row.get("images").split(","))
    return list(dict.fromkeys(filter(None, images)))
