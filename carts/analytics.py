"""What the change log and the saved carts say of how carts are used.

The log knows what went through Redis and was drained. A change that Redis lost with itself, or a
purchase taken out of a cart while it was being brought back, is in no figure here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import CharField, Count, F, Q, Sum, Value
from django.db.models.functions import Cast, Concat, TruncDate

from carts.models import CartChange, CartItem, CartStatus
from products.models import Sku

_PATIENCE = timedelta(minutes=5)

# Units that the cancellation of an order puts back are nobody's choice.
_ADDED = Q(action="add") & ~Q(source="order")
_REMOVED = Q(action__in=("remove", "clear"))


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What happened on one day (UTC). `carts` are those that something was added to.

    Merges and conversions are counted once for each cart and change: a conversion is an order
    whose units left a cart.
    """

    day: date
    carts: int = 0
    adds: int = 0
    added_units: int = 0
    removes: int = 0
    removed_units: int = 0
    merges: int = 0
    conversions: int = 0


@dataclass(frozen=True, slots=True)
class SkuFigures:
    """How many units of a SKU, in how many carts. Code and name are "" for a SKU that is gone."""

    sku_id: str
    code: str
    product: str
    units: int
    carts: int


@dataclass(frozen=True, slots=True)
class Analytics:
    """The figures of a number of days, the oldest first."""

    days: tuple[DayFigures, ...]
    most_added: tuple[SkuFigures, ...]
    most_abandoned: tuple[SkuFigures, ...]


def analyse_carts(*, now: datetime, days: int, top: int, idle: timedelta) -> Analytics:
    """Return the figures of the last `days` days, today included, and the `top` SKUs of each kind.

    Abandoned is what lies in saved carts that were changed in these days, and then not for `idle`.
    Reads every change of these days twice, a million of them in seconds.
    """
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with _read_at_leisure():
        return Analytics(
            days=_count_days(start, days),
            most_added=_find_most_added(start, top),
            most_abandoned=_find_most_abandoned(start, now - idle, top),
        )


@contextmanager
def _read_at_leisure() -> Iterator[None]:
    """Let queries take minutes: nobody waits for them but who asked."""
    patience_ms = _PATIENCE // timedelta(milliseconds=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience_ms)])
        yield


def _count_days(start: datetime, days: int) -> tuple[DayFigures, ...]:
    call = Concat("cart_id", Value(":"), Cast("version", CharField()))
    rows = (
        CartChange.objects.filter(at__gte=start)
        .order_by()
        .values(day=TruncDate("at"))
        .annotate(
            carts=Count("cart_id", filter=_ADDED, distinct=True),
            adds=Count("pk", filter=_ADDED),
            added_units=Sum(F("after") - F("before"), filter=_ADDED, default=0),
            removes=Count("pk", filter=_REMOVED),
            removed_units=Sum(F("before") - F("after"), filter=_REMOVED, default=0),
            merges=Count(call, filter=Q(action="merge"), distinct=True),
            conversions=Count(call, filter=Q(action="purchase"), distinct=True),
        )
    )
    found = {row["day"]: DayFigures(**row) for row in rows}
    dates = [start.date() + timedelta(days=number) for number in range(days)]
    return tuple(found.get(day, DayFigures(day)) for day in dates)


def _find_most_added(start: datetime, top: int) -> tuple[SkuFigures, ...]:
    changes = CartChange.objects.filter(_ADDED, at__gte=start).order_by().values("sku_id")
    return _name_skus(
        changes.annotate(units=Sum(F("after") - F("before")), carts=Count("cart_id", distinct=True))
        .order_by("-units", "sku_id")
        .values_list("sku_id", "units", "carts")[:top]
    )


def _find_most_abandoned(start: datetime, end: datetime, top: int) -> tuple[SkuFigures, ...]:
    lines = CartItem.objects.filter(
        cart__status__in=(CartStatus.ACTIVE, CartStatus.EXPIRED),
        cart__updated_at__gte=start,
        cart__updated_at__lt=end,
    )
    return _name_skus(
        lines.order_by()
        .values("sku_id")
        .annotate(units=Sum("quantity"), carts=Count("pk"))
        .order_by("-units", "sku_id")
        .values_list("sku_id", "units", "carts")[:top]
    )


def _name_skus(rows: Iterable[tuple[str, int, int]]) -> tuple[SkuFigures, ...]:
    found = list(rows)
    skus = Sku.objects.filter(pk__in=[sku_id for sku_id, _, _ in found])
    names = {
        sku_id: (code, product)
        for sku_id, code, product in skus.values_list("pk", "code", "product__name")
    }
    return tuple(
        SkuFigures(sku_id, *names.get(sku_id, ("", "")), units, carts)
        for sku_id, units, carts in found
    )
