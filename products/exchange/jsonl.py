"""JSON Lines: a product a line, in the form of PUT /api/catalogue/products."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from products.exchange.entries import EntryError, Faulty, ProductEntry, Read, SkuEntry
from products.exchange.parsing import parse_product
from products.exchange.tables import find_encoding

# A product with 2,048 SKUs and all its texts is smaller.
_MAX_LINE = 8 << 20


def read_jsonl(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of a file, whose prices are in the shop's currency."""
    with path.open(encoding=find_encoding(path)) as file:
        number = 0
        while line := file.readline(_MAX_LINE):
            number += 1
            if line.strip():
                yield _read_line(number, line)


def write_jsonl(entries: Iterable[ProductEntry], file: TextIO) -> None:
    """Write one product per line."""
    for entry in entries:
        file.write(json.dumps(write_product(entry), ensure_ascii=False) + "\n")


def write_product(entry: ProductEntry) -> dict[str, Any]:
    """Return the JSON object of an entry, from which `parse_product` reads the same entry."""
    merchant = entry.merchant
    return {
        "externalId": entry.external_id,
        "name": entry.name,
        "description": entry.description,
        "images": list(entry.images),
        "merchant": {"name": merchant.name, "externalId": merchant.external_id}
        if merchant
        else None,
        "status": int(entry.is_on_shelf),
        "translations": entry.translations,
        "skus": [_write_sku(sku) for sku in entry.skus],
    }


def _write_sku(sku: SkuEntry) -> dict[str, Any]:
    return {
        "code": sku.code,
        "externalId": sku.external_id,
        "attributes": sku.attributes,
        # A float has digits enough to print any amount of a shop just as it was.
        "price": float(sku.price),
        "originalPrice": None if sku.original_price is None else float(sku.original_price),
        "stock": sku.stock,
        "tracksStock": sku.tracks_stock,
        "purchaseLimit": sku.purchase_limit,
        "minQuantity": sku.min_quantity,
        "quantityStep": sku.quantity_step,
        "barcode": sku.barcode,
        "isActive": sku.is_active,
    }


def _read_line(number: int, line: str) -> Read | Faulty:
    try:
        data = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError):
        return Faulty(number, "the line is no JSON")
    try:
        return Read(number, parse_product(data))
    except EntryError as error:
        label = data.get("externalId") if isinstance(data, dict) else None
        return Faulty(number, str(error), label if isinstance(label, str) else "")
