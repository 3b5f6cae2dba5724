"""Moments as the staff read them: when, and how far that is from now."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a place of a table: a text, a smaller one beside it, and where it leads."""

    text: str = ""
    note: str = ""
    url: str = ""


def show_moment(moment: datetime | None, *, now: datetime) -> Cell:
    """Return a moment to the second, in the server's time zone, and its distance from now."""
    if moment is None:
        return Cell()
    text = f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"
    if moment > now:
        return Cell(text, _("in %(time)s") % {"time": show_span(moment - now)})
    return Cell(text, _("%(time)s ago") % {"time": show_span(now - moment)})


def show_ms(moment_ms: int | None, *, now: datetime) -> Cell:
    """Return a moment in milliseconds as `show_moment` does."""
    if moment_ms is None:
        return Cell()
    # Whatever a broken hash holds, the page must be shown.
    if not 0 <= moment_ms < _END_MS:
        return Cell(str(moment_ms))
    return show_moment(datetime.fromtimestamp(moment_ms / 1_000, UTC), now=now)


def show_span(span: timedelta) -> str:
    """Return how long a time is, in its largest unit."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return timesince(epoch, epoch + span, depth=1)


_END_MS = 250_000_000_000_000
