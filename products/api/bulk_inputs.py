"""Read what the bodies and queries of the bulk calls ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.request import Request

from config.errors import InvalidField
from config.http.pagination import read_integer
from config.http.parsing import read_object
from products.bounds import MAX_STOCK, is_id
from products.exchange.entries import EntryError, ProductEntry
from products.exchange.parsing import parse_product, read_code, read_price, read_stock
from products.fields import is_text
from products.intake import PriceEntry
from products.models import StockReason

MAX_PRODUCTS = 500
MAX_SKUS = 5_000
MAX_FEED_LIMIT = 500
DEFAULT_FEED_LIMIT = 100
MAX_NOTE_LENGTH = 200

# Members that only the feed has. A caller who puts back what was read may leave them there.
_READ_ONLY = frozenset({"id", "updatedAt"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StockOrder:
    """Stocks to be set, or units to be added; the entries are still as they came."""

    entries: list[Any]
    sets_levels: bool
    reason: StockReason
    note: str


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which page of the feed."""

    since: datetime | None
    cursor: str
    limit: int


def read_entries(body: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """Return the entries of a body, each as it came; raises InvalidField."""
    entries = body.get(name)
    if not isinstance(entries, list):
        raise InvalidField(field=name, reason="must be an array")
    if not 1 <= len(entries) <= most:
        raise InvalidField(field=name, reason=f"must have 1 to {most:,} entries")
    return entries


def read_stock_order(request: Request) -> StockOrder:
    """Return the changes of stocks that are asked for; raises InvalidField."""
    body = read_object(request)
    if ("levels" in body) == ("deltas" in body):
        raise InvalidField(field="levels", reason="must be sent, or else deltas")
    name = "levels" if "levels" in body else "deltas"
    reason = body.get("reason", StockReason.CORRECTION.value)
    if reason not in StockReason.values:
        known = ", ".join(StockReason.values)
        raise InvalidField(field="reason", reason=f"must be one of {known}")
    note = "" if body.get("note") is None else body["note"]
    if not is_text(note) or len(note) > MAX_NOTE_LENGTH:
        raise InvalidField(
            field="note", reason=f"must be a text of at most {MAX_NOTE_LENGTH} characters"
        )
    return StockOrder(
        entries=read_entries(body, name, MAX_SKUS),
        sets_levels=name == "levels",
        reason=StockReason(reason),
        note=note,
    )


def read_dry_run(request: Request) -> bool:
    """Tell whether the call is a dry run, which changes nothing; raises InvalidField."""
    text = request.GET.get("dryRun", "false")
    if text not in {"true", "false"}:
        raise InvalidField(field="dryRun", reason="must be true or false")
    return text == "true"


def read_feed_query(request: Request) -> FeedQuery:
    """Return which page of the feed is asked for; raises InvalidField."""
    cursor = request.GET.get("cursor", "")
    if cursor and not is_id(cursor):
        raise InvalidField(field="cursor", reason="must be the nextCursor of a page")
    limit = read_integer(request, "limit", default=DEFAULT_FEED_LIMIT, highest=MAX_FEED_LIMIT)
    return FeedQuery(_read_since(request.GET.get("updatedSince", "")), cursor, limit)


def parse_listed_product(data: object) -> ProductEntry:
    """Return a product as it is written, or as the feed shows it; raises EntryError."""
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name not in _READ_ONLY}
    return parse_product(data)


def parse_level(data: object) -> tuple[str, int]:
    """Return a SKU's code and what its stock is; raises EntryError."""
    return _read_member(data, "code", read_code), _read_member(data, "stock", read_stock)


def parse_delta(data: object) -> tuple[str, int]:
    """Return a SKU's code and the units to be added to its stock; raises EntryError."""
    return _read_member(data, "code", read_code), _read_member(data, "units", _read_units)


def parse_price(data: object) -> PriceEntry:
    """Return what a SKU costs. An `originalPrice` of null removes that price; raises EntryError."""
    code = _read_member(data, "code", read_code)
    price = _read_member(data, "price", read_price)
    if not isinstance(data, dict) or data.get("originalPrice") is None:
        is_told = isinstance(data, dict) and "originalPrice" in data
        return PriceEntry(code, price, keeps_original=not is_told)
    return PriceEntry(code, price, read_price(data["originalPrice"], "originalPrice"))


def _read_member(data: object, name: str, read: Any) -> Any:
    if not isinstance(data, dict):
        raise EntryError("must be an object")
    if data.get(name) is None:
        raise EntryError(f"{name} is required")
    return read(data[name], name)


def _read_units(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EntryError(f"{name} must be a whole number")
    if abs(value) > MAX_STOCK:
        raise EntryError(f"{name} must be from -{MAX_STOCK:,} to {MAX_STOCK:,}")
    return value


def _read_since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidField(
            field="updatedSince", reason="must be a time such as 2026-01-02T03:04:05.678Z"
        )
    # Earlier times are the same to any row, and some are too early to reckon with.
    return max(moment, _EPOCH)
