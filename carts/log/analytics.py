"""How carts are used, by the change log and by the carts' copies.

The log has every change that was drained from Redis. It lacks changes that were lost with Redis,
and purchases that were taken out of a cart while it was being restored.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import CharField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Concat, TruncDate, TruncHour

from carts.models import Cart, CartChange, CartItem, CartStatus
from config.stores.database import bound_statements
from products.models import Sku

# Only the one who asked waits for these figures.
_PATIENCE = timedelta(minutes=5)

# Nobody chose the units that a cancelled order puts back.
_ADDED = Q(action="add") & ~Q(source="order")
_REMOVED = Q(action__in=("remove", "clear"))
_BOUGHT = Q(action="purchase")
# All changes that one call made have the same version of the same cart.
_CALL = Concat("cart_id", Value(":"), Cast("version", CharField()))


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
class ActivityFigures:
    """What happened in the time that begins with `start`, counted as in DayFigures."""

    start: datetime
    adds: int = 0
    removes: int = 0
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


@dataclass(frozen=True, slots=True)
class CartFigures:
    """Copies: how many are of living carts, how many of those changed lately, and their worth."""

    alive: int
    changed: int
    worth: Decimal


def analyse_carts(*, now: datetime, days: int, top: int, idle: timedelta) -> Analytics:
    """Return the figures of the last `days` days, today included, and the `top` SKUs of each kind.

    Abandoned is what lies in copies of carts changed in these days, and then not for `idle`.
    Reads every change of these days twice, a million of them in seconds.
    """
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with bound_statements(_PATIENCE):
        return Analytics(
            days=_count_days(start, days),
            most_added=find_most_added(start=start, top=top),
            most_abandoned=find_most_abandoned(start=start, end=now - idle, top=top),
        )


def count_hours(*, start: datetime, end: datetime) -> tuple[ActivityFigures, ...]:
    """Return the figures of every hour from start to end, both of which are full hours.

    Two queries. A million changes take about 0.7 seconds.
    """
    changes = CartChange.objects.filter(at__gte=start, at__lt=end).order_by()
    by_hour = changes.values(start=TruncHour("at", tzinfo=UTC))
    # Sorting all changes to count calls would take longer than all the rest.
    calls = by_hour.filter(_BOUGHT).annotate(calls=Count(_CALL, distinct=True))
    conversions = dict(calls.values_list("start", "calls"))
    counts = by_hour.annotate(adds=Count("pk", filter=_ADDED), removes=Count("pk", filter=_REMOVED))
    found = {
        row["start"]: ActivityFigures(**row, conversions=conversions.get(row["start"], 0))
        for row in counts
    }
    hours = [start + timedelta(hours=n) for n in range((end - start) // timedelta(hours=1))]
    return tuple(found.get(hour, ActivityFigures(hour)) for hour in hours)


def count_carts(*, since: datetime) -> CartFigures:
    """Return how many carts are alive, and the figures of those changed since then. Two queries.

    A cart changed before CART_TTL_DAYS was last raised counts as unchanged.
    """
    alive = Cart.objects.filter(retired_at=None, status=CartStatus.ACTIVE)
    # The index has the expiry, which is that much later than the change.
    idle_from = since + timedelta(days=settings.CART_TTL_DAYS)
    changed = alive.filter(expires_at__gte=idle_from, updated_at__gte=since).order_by()
    figures = changed.aggregate(changed=Count("pk"), worth=Sum("total_amount", default=Decimal()))
    return CartFigures(alive=alive.count(), **figures)


def find_most_added(*, start: datetime, top: int) -> tuple[SkuFigures, ...]:
    """Return the SKUs of which the most units were added since then. Two queries."""
    changes = CartChange.objects.filter(_ADDED, at__gte=start).order_by().values("sku_id")
    units, carts = Sum(F("after") - F("before")), Count("cart_id", distinct=True)
    return _rank_skus(changes.annotate(units=units, carts=carts), top)


def find_most_abandoned(*, start: datetime, end: datetime, top: int) -> tuple[SkuFigures, ...]:
    """Return the SKUs of which the most units lie in carts last changed then. Two queries."""
    lines = CartItem.objects.filter(
        cart__status__in=(CartStatus.ACTIVE, CartStatus.EXPIRED),
        cart__updated_at__gte=start,
        cart__updated_at__lt=end,
    )
    by_sku = lines.order_by().values("sku_id")
    return _rank_skus(by_sku.annotate(units=Sum("quantity"), carts=Count("pk")), top)


def _count_days(start: datetime, days: int) -> tuple[DayFigures, ...]:
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
            merges=Count(_CALL, filter=Q(action="merge"), distinct=True),
            conversions=Count(_CALL, filter=_BOUGHT, distinct=True),
        )
    )
    found = {row["day"]: DayFigures(**row) for row in rows}
    dates = [start.date() + timedelta(days=number) for number in range(days)]
    return tuple(found.get(day, DayFigures(day)) for day in dates)


def _rank_skus(figures: QuerySet[Any, Any], top: int) -> tuple[SkuFigures, ...]:
    ranked = figures.order_by("-units", "sku_id").values_list("sku_id", "units", "carts")
    found = list(ranked[:top])
    skus = Sku.objects.filter(pk__in=[sku_id for sku_id, _, _ in found])
    names = {
        sku_id: (code, product)
        for sku_id, code, product in skus.values_list("pk", "code", "product__name")
    }
    return tuple(
        SkuFigures(sku_id, *names.get(sku_id, ("", "")), units, carts)
        for sku_id, units, carts in found
    )
