"""Which formats can be read, and which one a file has."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from products.exchange.cartwright import read_cartwright
from products.exchange.entries import EntryError, Faulty, Read
from products.exchange.google import read_google_table, read_google_xml
from products.exchange.jsonl import read_jsonl
from products.exchange.shopify import read_shopify
from products.exchange.tables import read_header
from products.exchange.woocommerce import read_woocommerce

FORMATS = ("cartwright", "jsonl", "shopify", "woocommerce", "google")


class Reader(Protocol):
    """Yields what a file holds, a product at a time; prices are in `currency` or refused."""

    def __call__(self, path: Path, *, currency: str) -> Iterator[Read | Faulty]: ...


# Formats by columns that no other format has.
_TABLES: Mapping[frozenset[str], str] = {
    frozenset(("handle", "title")): "shopify",
    frozenset(("url handle", "title")): "shopify",
    frozenset(("type", "regular price")): "woocommerce",
    frozenset(("external_id", "code")): "cartwright",
    frozenset(("id", "title", "price")): "google",
}
_READERS: Mapping[str, Callable[[Path], Reader]] = {
    "cartwright": lambda path: read_cartwright,
    "jsonl": lambda path: read_jsonl,
    "shopify": lambda path: read_shopify,
    "woocommerce": lambda path: read_woocommerce,
    "google": lambda path: read_google_xml if _begins_with(path, b"<") else read_google_table,
}


def find_format(path: Path) -> str:
    """Tell which of FORMATS a file has. Raises EntryError for any other, naming its columns."""
    if _begins_with(path, b"<"):
        return "google"
    if _begins_with(path, b"{"):
        return "jsonl"
    columns = read_header(path)
    for names, found in _TABLES.items():
        if names <= set(columns):
            return found
    raise EntryError(f"the file's format is not known; its columns are: {', '.join(columns)[:500]}")


def find_reader(path: Path, name: str) -> Reader:
    """Return what reads a file of one of FORMATS."""
    return _READERS[name](path)


def _begins_with(path: Path, sign: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(sign)
