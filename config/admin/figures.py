"""The figures of the dashboard: each is read within five seconds, or is None.

Only the last two days are counted at every look. Older hours change only if entries are drained
late, so their figures are remembered for a day.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from itertools import groupby
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError
from django_celery_beat.models import PeriodicTask

from carts.domain.errors import CartStoreUnavailable
from carts.live.gauges import StoreGauges, read_gauges
from carts.log.analytics import (
    ActivityFigures,
    CartFigures,
    SkuFigures,
    count_carts,
    count_hours,
    find_most_abandoned,
    find_most_added,
)
from carts.models import UnreadableChange
from config.stores.database import bound_statements
from orders.models import Payment, PaymentFlag

logger = logging.getLogger(__name__)

Figures = TypeVar("Figures")

HOURS = 48
DAYS = 30
POPULAR_DAYS = 7
PAYMENT_DAYS = 7
_TOP = 8
_PATIENCE = timedelta(seconds=5)
_FLAGGED_FOR = timedelta(days=PAYMENT_DAYS)
_FIRST_DAY = timedelta(days=DAYS - 1)
_FIRST_POPULAR_DAY = timedelta(days=POPULAR_DAYS - 1)
# The hours counted at every look begin this long before midnight.
_RECENT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class LogFigures:
    """What the change log says: the last HOURS and DAYS, the current ones last, and favourites."""

    hours: tuple[ActivityFigures, ...]
    days: tuple[ActivityFigures, ...]
    most_added: tuple[SkuFigures, ...]


@dataclass(frozen=True, slots=True)
class CopyFigures:
    """What the carts' copies say."""

    carts: CartFigures
    most_abandoned: tuple[SkuFigures, ...]


@dataclass(frozen=True, slots=True)
class WorkFigures:
    """How background work is doing: when beat last started a job, and what waits for people.

    `unreadable` counts changes set aside; `flagged_payments` those of the last PAYMENT_DAYS.
    """

    last_run: datetime | None
    unreadable: int
    flagged_payments: int


class Remembered(Generic[Figures]):
    """What a function last returned, kept for `lifetime` and for the midnight it was asked for."""

    def __init__(self, read: Callable[[datetime], Figures], lifetime: timedelta) -> None:
        self._read = read
        self._lifetime = lifetime
        self._known: tuple[datetime, datetime, Figures] | None = None

    def get(self, midnight: datetime, *, now: datetime) -> Figures:
        """Return the figures. Raises what the function raises; nothing is remembered then."""
        known = self._known
        # If the clock was set back, the figures' age is unknown.
        if known and known[0] == midnight and timedelta() <= now - known[1] < self._lifetime:
            return known[2]
        figures = self._read(midnight)
        self._known = midnight, now, figures
        return figures

    def forget(self) -> None:
        """Read the figures anew next time."""
        self._known = None


_past = Remembered(
    lambda midnight: count_hours(start=midnight - _FIRST_DAY, end=midnight - _RECENT),
    timedelta(days=1),
)
_recent = Remembered(
    lambda midnight: count_hours(start=midnight - _RECENT, end=midnight + timedelta(days=1)),
    timedelta(seconds=10),
)
_added = Remembered(
    lambda midnight: find_most_added(start=midnight - _FIRST_POPULAR_DAY, top=_TOP),
    timedelta(minutes=5),
)
_carts = Remembered(lambda midnight: count_carts(since=midnight), timedelta(seconds=10))
_abandoned = Remembered(
    lambda midnight: find_most_abandoned(start=midnight - _FIRST_DAY, end=midnight, top=_TOP),
    timedelta(minutes=5),
)


def forget_figures() -> None:
    """Read everything anew next time."""
    for remembered in (_past, _recent, _added, _carts, _abandoned):
        remembered.forget()


def _patiently(read: Callable[[datetime], Figures]) -> Callable[[datetime], Figures | None]:
    """Make a function return None if the database does not answer in time; a decorator."""

    @wraps(read)
    def read_or_warn(now: datetime) -> Figures | None:
        try:
            with bound_statements(_PATIENCE):
                return read(now)
        except (OperationalError, InterfaceError) as error:
            logger.warning("figures cannot be read: %s", str(error).partition("\n")[0])
            return None

    return read_or_warn


@_patiently
def read_log(now: datetime) -> LogFigures:
    """Read the change log: at most six queries, most of them remembered for a while."""
    midnight = _find_midnight(now)
    hours = _past.get(midnight, now=now) + _recent.get(midnight, now=now)
    gone = tuple(figures for figures in hours if figures.start <= now)
    return LogFigures(
        hours=gone[-HOURS:],
        days=tuple(_sum_days(gone)),
        most_added=_added.get(midnight, now=now),
    )


@_patiently
def read_copies(now: datetime) -> CopyFigures:
    """Read the carts' copies: at most four queries."""
    midnight = _find_midnight(now)
    return CopyFigures(_carts.get(midnight, now=now), _abandoned.get(midnight, now=now))


@_patiently
def read_work(now: datetime) -> WorkFigures:
    """Read how background work is doing: three queries."""
    flagged = Payment.objects.exclude(flag=PaymentFlag.NONE)
    runs = PeriodicTask.objects.filter(enabled=True, last_run_at__isnull=False)
    return WorkFigures(
        last_run=runs.order_by("-last_run_at").values_list("last_run_at", flat=True).first(),
        unreadable=UnreadableChange.objects.count(),
        flagged_payments=flagged.filter(received_at__gt=now - _FLAGGED_FOR).count(),
    )


def read_store() -> StoreGauges | None:
    """Ask the live store how it is; None where it does not answer."""
    try:
        return read_gauges()
    except CartStoreUnavailable:
        return None


def _sum_days(hours: tuple[ActivityFigures, ...]) -> list[ActivityFigures]:
    days = []
    for _, group in groupby(hours, key=lambda figures: figures.start.date()):
        day = list(group)
        days.append(
            ActivityFigures(
                day[0].start,
                adds=sum(hour.adds for hour in day),
                removes=sum(hour.removes for hour in day),
                conversions=sum(hour.conversions for hour in day),
            )
        )
    return days


def _find_midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
