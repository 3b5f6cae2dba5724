"""The dashboard's checks: what may be wrong with the stores and with background work."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from carts.admin.moments import show_span
from carts.live.gauges import StoreGauges
from config.admin.figures import PAYMENT_DAYS, WorkFigures
from config.stores.readiness import EvictionPolicy, describe_postgresql, describe_redis

Level = Literal["good", "warning", "bad"]

_LATE = timedelta(minutes=1)
# Beat notes what it has started every three minutes.
_STOPPED = timedelta(minutes=10)
_STATES = {
    "ok": gettext_lazy("Ready"),
    "unreachable": gettext_lazy("Does not answer"),
    "takes no changes": gettext_lazy("Takes no changes"),
    "migrations missing": gettext_lazy("Migrations are missing"),
    EvictionPolicy.WOULD_DROP_CARTS.value: gettext_lazy(
        "Ready, but would drop carts if its memory were limited"
    ),
    EvictionPolicy.DROPS_CARTS.value: gettext_lazy("Drops carts when its memory is full"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """Something that may be wrong, and whether it is."""

    title: str
    text: str
    level: Level


def list_checks(
    *, store: StoreGauges | None, work: WorkFigures | None, now: datetime
) -> list[Check]:
    """Check both stores now, and judge the figures; None stands for figures that are missing."""
    return [*_check_stores(), *_check_carts(store), *_check_work(work, now)]


def _check_stores() -> Iterator[Check]:
    for title, (state, is_ready) in (
        (_("Live store"), describe_redis()),
        (_("Database"), describe_postgresql()),
    ):
        level: Level = "good" if state == "ok" else "warning" if is_ready else "bad"
        yield Check(title, str(_STATES[state]), level)


def _check_carts(store: StoreGauges | None) -> Iterator[Check]:
    if store is None:
        return
    yield _check_lag(_("Saving of carts"), store.oldest_unsaved_seconds)
    yield _check_lag(_("Change log"), store.oldest_change_seconds)
    yield _check_count(_("Carts that cannot be saved"), store.carts_set_aside, "bad")
    yield _check_count(_("Carts that have drifted apart"), store.carts_drifted, "warning")
    yield _check_count(_("Changes lost before they were logged"), store.lost_changes, "warning")


def _check_work(work: WorkFigures | None, now: datetime) -> Iterator[Check]:
    if work is None:
        return
    yield _check_count(_("Changes that cannot be read"), work.unreadable, "warning")
    title = _("Flagged payments, last %(days)d days") % {"days": PAYMENT_DAYS}
    yield _check_count(title, work.flagged_payments, "warning")
    title = _("Periodic jobs")
    if work.last_run is None:
        yield Check(title, _("Have never run"), "warning")
        return
    ago = max(now - work.last_run, timedelta())
    text = _("Last run %(time)s ago") % {"time": show_span(ago)}
    yield Check(title, text, "good" if ago < _STOPPED else "bad")


def _check_lag(title: str, seconds: float) -> Check:
    lag = timedelta(seconds=seconds)
    if lag < _LATE:
        return Check(title, _("Up to date"), "good")
    return Check(title, _("%(time)s behind") % {"time": show_span(lag)}, "warning")


def _check_count(title: str, count: int, level: Level) -> Check:
    return Check(title, f"{count:,}" if count else _("None"), level if count else "good")
