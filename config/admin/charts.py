"""Charts of what happens in carts: each a drawing for Chart.js and a table of the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.translation import gettext as _

from carts.log.analytics import ActivityFigures

# Legible in the light theme and in the dark one.
_INK = "#857a6e"
_COLORS = ("var(--color-primary-500)", "var(--color-base-400)", "#2f9461")
_OPTIONS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "interaction": {"mode": "index", "intersect": False},
    "plugins": {
        "legend": {
            "align": "end",
            "labels": {"boxWidth": 7, "boxHeight": 7, "usePointStyle": True, "color": _INK},
        }
    },
    "scales": {
        "x": {
            "border": {"display": False},
            "grid": {"display": False},
            "ticks": {"color": _INK, "maxRotation": 0, "autoSkipPadding": 24},
        },
        "y": {
            "beginAtZero": True,
            "suggestedMax": 4,
            "border": {"display": False},
            "grid": {},
            "ticks": {"color": _INK, "precision": 0, "maxTicksLimit": 6},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, as the theme's script wants it, and the table that says the same."""

    title: str
    kind: str
    data: str
    options: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, int, int, int], ...]


def draw_lines(title: str, figures: Sequence[ActivityFigures], *, label: str) -> Chart:
    """Draw figures as lines; `label` is the date format of the time when each figure begins."""
    style = {"borderWidth": 2, "pointRadius": 0, "tension": 0.3}
    return _draw(title, "line", figures, label, style)


def draw_bars(title: str, figures: Sequence[ActivityFigures], *, label: str) -> Chart:
    """Draw figures as bars beside each other; `label` as for lines."""
    return _draw(title, "bar", figures, label, {"borderRadius": 2})


def _draw(
    title: str,
    kind: str,
    figures: Sequence[ActivityFigures],
    label: str,
    style: dict[str, Any],
) -> Chart:
    rows = tuple(
        (f"{each.start:{label}}", each.adds, each.removes, each.conversions) for each in figures
    )
    begins, *columns = zip(*rows, strict=True)
    headings = (_("Additions"), _("Removals"), _("Orders"))
    datasets = [
        {"label": heading, "data": column, "borderColor": color, "backgroundColor": color} | style
        for heading, column, color in zip(headings, columns, _COLORS, strict=True)
    ]
    return Chart(
        title=title,
        kind=kind,
        data=orjson.dumps({"labels": begins, "datasets": datasets}).decode(),
        options=orjson.dumps(_OPTIONS).decode(),
        headings=headings,
        # A reader of the table wants the newest first.
        rows=rows[::-1],
    )
