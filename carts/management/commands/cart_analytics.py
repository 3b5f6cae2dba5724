"""Show how carts are used: what is added, removed, merged, bought and left behind."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from django.core.management import CommandParser
from django.utils import timezone

from carts.log.analytics import Analytics, DayFigures, SkuFigures, analyse_carts
from carts.management.command import CartCommand, Report
from config.notation import camel_case

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
        parser.add_argument(
            "--days",
            type=_read_days,
            default=7,
            metavar="N",
            help=f"how many days up to today, 1 to {_MAX_DAYS} (7)",
        )
        parser.add_argument(
            "--top",
            type=_read_top,
            default=10,
            metavar="N",
            help=f"how many SKUs to list, 1 to {_MAX_TOP} (10)",
        )
        parser.add_argument(
            "--idle-hours",
            type=_read_hours,
            default=24,
            metavar="N",
            help="a cart untouched for so many hours is abandoned (24)",
        )

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
        "days": [_name(asdict(day)) for day in found.days],
        "mostAdded": [_name(asdict(sku)) for sku in found.most_added],
        "mostAbandoned": [_name(asdict(sku)) for sku in found.most_abandoned],
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


def _name(figures: dict[str, Any]) -> dict[str, Any]:
    """Give the figures the names that JSON has everywhere else."""
    return {camel_case(name): value for name, value in figures.items()}


def _read_days(text: str) -> int:
    return _read_number(text, highest=_MAX_DAYS)


def _read_top(text: str) -> int:
    return _read_number(text, highest=_MAX_TOP)


def _read_hours(text: str) -> int:
    return _read_number(text, highest=_MAX_DAYS * 24)


def _read_number(text: str, *, highest: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise ArgumentTypeError(f"must be 1 to {highest}")
    return int(text)
