"""The admin's first page: how the carts are, and what happens in them.

Staff who may view carts see it. All others see a list of the pages they may open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carts.admin.moments import show_span
from carts.live.gauges import StoreGauges
from carts.log.analytics import SkuFigures
from config.admin.charts import Chart, draw_bars, draw_lines
from config.admin.figures import (
    DAYS,
    HOURS,
    POPULAR_DAYS,
    CopyFigures,
    LogFigures,
    read_copies,
    read_log,
    read_store,
    read_work,
)
from config.admin.health import Check, list_checks


@dataclass(frozen=True, slots=True)
class Card:
    """A figure under its title; `figure` is "" where it cannot be read."""

    title: str
    figure: str
    note: str


@dataclass(frozen=True, slots=True)
class SkuRow:
    """A SKU with its figures; `url` is "" where the SKU is gone, or the reader may not see it."""

    code: str
    product: str
    units: str
    carts: str
    url: str


@dataclass(frozen=True, slots=True)
class SkuTable:
    """The SKUs with the most units; `rows` is None where they cannot be read."""

    title: str
    note: str
    rows: list[SkuRow] | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page. There are no charts where the log cannot be read."""

    cards: list[Card]
    charts: list[Chart]
    tables: list[SkuTable]
    checks: list[Check]


def add_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard to the first page's context, if this member of staff may see it."""
    if request.user.has_perm("carts.view_cart"):
        sees_skus = request.user.has_perm("products.view_sku")
        context["dashboard"] = describe_shop(now=timezone.now(), links_skus=sees_skus)
    return context


def describe_shop(*, now: datetime, links_skus: bool) -> Dashboard:
    """Read and describe everything; the page says what cannot be read."""
    store, work = read_store(), read_work(now)
    log, copies = read_log(now.astimezone(UTC)), read_copies(now.astimezone(UTC))
    return Dashboard(
        cards=[*_describe_copies(copies), *_describe_store(store), *_describe_today(log)],
        charts=_draw_charts(log),
        tables=[
            SkuTable(
                _("Most added"),
                _("Units put into carts in the last %(days)d days") % {"days": POPULAR_DAYS},
                _list_skus(log.most_added, links_skus) if log else None,
            ),
            SkuTable(
                _("Most abandoned"),
                _("Units in carts of the last %(days)d days not touched today") % {"days": DAYS},
                _list_skus(copies.most_abandoned, links_skus) if copies else None,
            ),
        ],
        checks=list_checks(store=store, work=work, now=now),
    )


def _describe_store(store: StoreGauges | None) -> list[Card]:
    title = _("Unsaved carts")
    if store is None:
        return [Card(title, "", _("The live store does not answer"))]
    if not store.unsaved_carts:
        return [Card(title, "0", _("Every change is saved"))]
    age = show_span(timedelta(seconds=store.oldest_unsaved_seconds))
    note = _("The oldest change is %(time)s old") % {"time": age}
    return [Card(title, f"{store.unsaved_carts:,}", note)]


def _describe_copies(copies: CopyFigures | None) -> list[Card]:
    titles = _("Live carts"), _("Carts today"), _("Value today")
    if copies is None:
        return [Card(title, "", _("Cannot be read at the moment")) for title in titles]
    alive, changed, worth = titles
    carts = copies.carts
    return [
        Card(alive, f"{carts.alive:,}", _("Saved, and not put to rest")),
        Card(changed, f"{carts.changed:,}", _("Changed since midnight UTC")),
        Card(
            worth,
            f"{carts.worth:,.0f}",
            _("%(currency)s, what is selected in them") % {"currency": settings.CART_CURRENCY},
        ),
    ]


def _describe_today(log: LogFigures | None) -> list[Card]:
    titles = _("Additions today"), _("Orders today")
    if log is None:
        return [Card(title, "", _("The change log cannot be read")) for title in titles]
    today = log.days[-1]
    added, ordered = titles
    removed = ngettext("%(count)s removal", "%(count)s removals", today.removes)
    return [
        Card(added, f"{today.adds:,}", removed % {"count": f"{today.removes:,}"}),
        Card(ordered, f"{today.conversions:,}", _("Out of carts")),
    ]


def _draw_charts(log: LogFigures | None) -> list[Chart]:
    if log is None:
        return []
    by_hour = _("By hour, last %(count)d hours") % {"count": HOURS}
    by_day = _("By day, last %(count)d days") % {"count": DAYS}
    return [
        draw_lines(by_hour, log.hours, label="%m-%d %H:00"),
        draw_bars(by_day, log.days, label="%m-%d"),
    ]


def _list_skus(skus: Iterable[SkuFigures], links_skus: bool) -> list[SkuRow]:
    return [
        SkuRow(
            code=sku.code or sku.sku_id,
            product=sku.product,
            units=f"{sku.units:,}",
            carts=f"{sku.carts:,}",
            url=reverse("admin:products_sku_change", args=[sku.sku_id])
            if links_skus and sku.code
            else "",
        )
        for sku in skus
    ]
