"""The calls by which other systems keep the catalogue: many entries at once, by service key.

Each entry stands alone: a failed one is reported by its index, and the others are written. Small
transactions lock a few hundred rows in the order of checkouts, so no buyer waits for long.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.db import OperationalError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from config.http.envelope import answer
from config.http.errors import refuse_service_error
from config.http.parsing import read_object
from config.http.scopes import ServiceView, require_scope
from config.stores.database import has_lost_race
from products.api import bulk_documentation as documentation
from products.api.bulk_inputs import (
    MAX_PRODUCTS,
    MAX_SKUS,
    parse_delta,
    parse_level,
    parse_listed_product,
    parse_price,
    read_dry_run,
    read_entries,
    read_feed_query,
    read_stock_order,
)
from products.api.presentation import present_feed_page, present_results
from products.errors import EntriesFailed, StockTooHigh, StockTooLow
from products.exchange.entries import EntryError
from products.feed import read_feed
from products.intake import Intake, Outcome, Taken, set_prices, take_in
from products.models import Sku
from products.stock import Cause, add_stocks, set_stocks

# Parts are written one after the other, so if one fails, those before it are kept.
_PRODUCTS_AT_ONCE = 100
_SKUS_AT_ONCE = 500
_BUSY = Taken(Outcome.FAILED, "others are changing the same, try again")

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")


class _CatalogueView(ServiceView):
    """A call whose answers are for one caller, and change by the minute."""

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        final = super().finalize_response(request, response, *args, **kwargs)
        final["Cache-Control"] = "no-store"
        return final


class CatalogueProductsView(_CatalogueView):
    """Products with their SKUs, to be read and written."""

    @documentation.READ_PRODUCTS
    def get(self, request: Request) -> HttpResponse:
        require_scope(request, "catalogue:read")
        query = read_feed_query(request)
        page = read_feed(since=query.since, cursor=query.cursor, limit=query.limit)
        return answer(present_feed_page(page))

    @documentation.WRITE_PRODUCTS
    def put(self, request: Request) -> HttpResponse:
        actor = require_scope(request, "catalogue:write")
        how = Intake(actor=actor, is_dry_run=read_dry_run(request))
        entries = read_entries(read_object(request), "products", MAX_PRODUCTS)
        taken = _write_all(
            entries, parse_listed_product, lambda part: take_in(part, how), _PRODUCTS_AT_ONCE
        )
        return _answer_results("externalId", entries, taken, actor)


class CatalogueStockView(_CatalogueView):
    """Stocks: what they are, or by how much they change."""

    @documentation.WRITE_STOCK
    def put(self, request: Request) -> HttpResponse:
        actor, now = require_scope(request, "stock:write"), timezone.now()
        order = read_stock_order(request)
        cause = Cause(order.reason, order.note, actor)
        parse = parse_level if order.sets_levels else parse_delta
        change = set_stocks if order.sets_levels else add_stocks

        def write(part: Sequence[tuple[str, int]]) -> list[Taken]:
            outcomes = change(part, cause=cause, now=now)
            return [
                _judge_stock(code, each) for (code, _), each in zip(part, outcomes, strict=True)
            ]

        taken = _write_all(order.entries, parse, write, _SKUS_AT_ONCE)
        return _answer_results("code", order.entries, taken, actor)


class CataloguePricesView(_CatalogueView):
    """Prices."""

    @documentation.WRITE_PRICES
    def put(self, request: Request) -> HttpResponse:
        actor, now = require_scope(request, "catalogue:write"), timezone.now()
        entries = read_entries(read_object(request), "prices", MAX_SKUS)
        taken = _write_all(entries, parse_price, lambda part: set_prices(part, now), _SKUS_AT_ONCE)
        return _answer_results("code", entries, taken, actor)


def _write_all(
    entries: Sequence[Any],
    parse: Callable[[object], Entry],
    write: Callable[[Sequence[Entry]], Iterable[Taken]],
    at_once: int,
) -> list[Taken]:
    """Write the entries that can be read, some at a time; return what became of each entry."""
    taken: dict[int, Taken] = {}
    readable: list[tuple[int, Entry]] = []
    for index, each in enumerate(entries):
        try:
            readable.append((index, parse(each)))
        except EntryError as fault:
            taken[index] = Taken(Outcome.FAILED, str(fault))
    for start in range(0, len(readable), at_once):
        part = readable[start : start + at_once]
        outcomes = _write_part([entry for _, entry in part], write)
        taken |= zip((index for index, _ in part), outcomes, strict=True)
    return [taken[index] for index in range(len(entries))]


def _write_part(
    entries: Sequence[Entry], write: Callable[[Sequence[Entry]], Iterable[Taken]]
) -> Sequence[Taken]:
    try:
        return list(write(entries))
    except OperationalError as error:
        if not has_lost_race(error):
            raise
        # Parts before this one are done, and a delta must not be sent twice.
        return [_BUSY] * len(entries)


def _judge_stock(code: str, outcome: tuple[int, int] | Exception) -> Taken:
    match outcome:
        case (before, after):
            return Taken(Outcome.UNCHANGED if before == after else Outcome.CHANGED)
        case Sku.DoesNotExist():
            return Taken(Outcome.FAILED, f"there is no SKU of the code {code}")
        case StockTooLow():
            return Taken(Outcome.FAILED, f"only {outcome.available:,} units are left")
        case StockTooHigh():
            return Taken(Outcome.FAILED, f"the stock would be above {outcome.most:,}")
    raise AssertionError(outcome)


def _answer_results(
    name: str, entries: Sequence[Any], taken: Sequence[Taken], actor: str
) -> HttpResponse:
    failed = sum(each.outcome == Outcome.FAILED for each in taken)
    logger.info("%s wrote %d entries by %s, and %d failed", actor, len(taken), name, failed)
    data = present_results(name, entries, taken)
    if not failed:
        return answer(data)
    refusal = EntriesFailed(failed_count=failed, success_count=len(taken) - failed)
    return refuse_service_error(refusal, data=data)
