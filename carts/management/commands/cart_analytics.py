"""Show how carts are used: what is added, removed, merged, bought and left behind."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from django.core.management import CommandParser
from django.utils import timezone

from carts.log.analytics import Analytics, DayFigures, SkuFigures, analyse_carts
from carts.management.command import CartCommand, Report, name_figures

_MAX_DAYS = 366
_MAX_TOP = 1_000


class Command(CartCommand):
    help = (
        "Show adds, removes, merges and conversions for each day (UTC), and the SKUs most added and"
        " most abandoned. The days are counted from the change log, which CART_CHANGES_RETENTION_"
        "DAYS bounds; abandoned is what lies in saved carts nobody has touched for a while."
    )
    examples = """\
  manage.py cart_analytics
  manage.py cart_analytics --days 30 --top 20
  manage.py cart_analytics --days 1 --idle-hours 2 --json"""

    def add_options(self, parser: CommandParser) -> None:
        _add_number(parser, "--days", 7, highest=_MAX_DAYS, text="how many days up to today")
        _add_number(parser, "--top", 10, highest=_MAX_TOP, text="how many SKUs to list")
        _add_number(
            parser, "--idle-hours", 24, highest=_MAX_DAYS * 24,
            text="a cart untouched for so many hours is abandoned",
        )  # fmt: skip

    def report(self, options: Namespace) -> Report:
        found = analyse_carts(
            now=timezone.now(),
            days=options.days,
            top=options.top,
            idle=timedelta(hours=options.idle_hours),
        )
        return Report(_list(found), _tabulate(found))


def _list(found: Analytics) -> dict[str, Any]:
    return {
        "days": [name_figures(day) for day in found.days],
        "mostAdded": [name_figures(sku) for sku in found.most_added],
        "mostAbandoned": [name_figures(sku) for sku in found.most_abandoned],
    }


def _tabulate(found: Analytics) -> list[str]:
    names = [field.name for field in fields(DayFigures)]
    lines = ["".join(f"{name.replace('_', ' '):>15}" for name in names)]
    lines += ["".join(f"{value!s:>15}" for value in asdict(day).values()) for day in found.days]
    for title, skus in (("added", found.most_added), ("abandoned", found.most_abandoned)):
        lines += ["", f"most {title}", *_list_skus(skus)]
    return lines


def _list_skus(skus: Sequence[SkuFigures]) -> list[str]:
    return [
        f"{sku.units:>8} units in {sku.carts:>6} carts  {sku.code or sku.sku_id}  {sku.product}"
        for sku in skus
    ] or ["  none"]


def _add_number(parser: CommandParser, name: str, default: int, *, highest: int, text: str) -> None:
    def read(given: str) -> int:
        if not given.isdecimal() or not 1 <= int(given) <= highest:
            raise ArgumentTypeError(f"must be 1 to {highest}")
        return int(given)

    summary = f"{text}, 1 to {highest} ({default})"
    parser.add_argument(name, type=read, default=default, metavar="N", help=summary)
