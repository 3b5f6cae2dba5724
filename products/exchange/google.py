"""Feeds for Google Merchant Center: RSS 2.0, Atom, or tabs; items of one group are a product."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import AttributesNSImpl

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from products.exchange.entries import EntryError, Faulty, Read
from products.exchange.gathering import read_products
from products.exchange.tables import Row, read_rows
from products.exchange.values import parse_price, strip_html

_BLOCK = 1 << 16
_ITEMS = ("item", "entry")
_GROUP = ("item_group_id", "item group id")
_ATTRIBUTES = {
    "color": "Color",
    "size": "Size",
    "material": "Material",
    "pattern": "Pattern",
    "age_group": "Age group",
    "gender": "Gender",
}
_IN_STOCK = ("in_stock", "in stock", "available")
_OUT_OF_STOCK = ("out_of_stock", "out of stock", "preorder", "backorder")


def read_google_xml(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of a feed in XML. Entities and document types are refused."""
    return read_products(_read_items(path), _Google(currency))


def read_google_table(path: Path, *, currency: str) -> Iterator[Read | Faulty]:
    """Yield the products of a feed that is a table."""
    return read_products(read_rows(path), _Google(currency))


@dataclass(frozen=True, slots=True)
class _Google:
    currency: str

    def key(self, row: Row) -> str:
        return row.get(*_GROUP) or row.require("id")

    def build_product(self, rows: Sequence[Row]) -> dict[str, Any]:
        head = rows[0]
        brand = head.get("brand")
        return {
            "externalId": self.key(head),
            "name": head.require("title"),
            "description": strip_html(head.get("description")),
            "images": _read_images(rows),
            "merchant": {"name": brand} if brand else None,
        }

    def build_sku(self, row: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
        regular = parse_price(row.require("price"), "price", currency=self.currency)
        sale = row.get("sale_price", "sale price")
        price = parse_price(sale, "sale_price", currency=self.currency) if sale else regular
        availability = row.get("availability").lower()
        if availability not in (*_IN_STOCK, *_OUT_OF_STOCK, ""):
            raise EntryError(f"availability {availability!r} is not known")
        is_out = availability in _OUT_OF_STOCK
        return {
            "code": row.require("id"),
            "externalId": row.require("id"),
            "attributes": {
                name: row.get(column) for column, name in _ATTRIBUTES.items() if row.get(column)
            },
            "price": price,
            "originalPrice": regular if regular > price else None,
            # A feed gives no numbers, so what is in stock is not counted.
            "stock": 0 if is_out else None,
            "tracksStock": is_out,
            "barcode": row.get("gtin"),
        }


def _read_images(rows: Sequence[Row]) -> list[str]:
    images = [row.get("image_link", "image link") for row in rows]
    for row in rows:
        images += re.split(r"[\n,]", row.get("additional_image_link", "additional image link"))
    return list(dict.fromkeys(image.strip() for image in images if image.strip()))


class _Items(ContentHandler):
    """Collects the finished items: the contents of their elements, by local name."""

    def __init__(self, parser: Any) -> None:
        super().__init__()
        self._parser = parser
        self.ended: list[Row] = []
        self._line = 0
        self._cells: defaultdict[str, list[str]] | None = None
        self._path: list[str] = []
        self._text: list[str] = []

    def startElementNS(  # noqa: N802
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        if self._cells is None:
            if name[1] in _ITEMS:
                self._cells = defaultdict(list)
                self._line = self._parser.getLineNumber() or 0
            return
        self._path.append(name[1])
        self._text = []

    def characters(self, content: str) -> None:
        if self._path:
            self._text.append(content)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802
        if self._cells is None:
            return
        if not self._path:
            # A feed may use a name in two namespaces, and may have several images.
            cells = {
                key: "\n".join(texts) if key == "additional_image_link" else texts[0]
                for key, texts in self._cells.items()
            }
            self.ended.append(Row(self._line, cells))
            self._cells = None
            return
        if len(self._path) == 1:
            self._cells[name[1].lower()].append("".join(self._text).strip())
        self._path.pop()


def _read_items(path: Path) -> Iterator[Row | Faulty]:
    parser = make_parser()
    items = _Items(parser)
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(items)
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                parser.feed(block)
                yield from items.ended
                items.ended.clear()
            parser.close()
        except SAXParseException as error:
            yield Faulty(error.getLineNumber() or 0, f"the XML is broken: {error.getMessage()}")
        except DefusedXmlException as error:
            raise EntryError("entities and document types are refused") from error
    yield from items.ended
