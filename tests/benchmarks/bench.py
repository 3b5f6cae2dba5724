"""What every benchmark is given, and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass


class BenchmarkError(Exception):
    """A benchmark cannot be run; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the shop is served, and how long to measure: `rounds` of `seconds` for each load.

    `web_pid` is the process whose children serve.
    """

    url: str
    web_pid: int
    seconds: int
    rounds: int
    connections: Sequence[int]


@dataclass(frozen=True, slots=True)
class Table:
    """Measurements: `rows` hold a name, then one figure under each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, *tuple[float, ...]]]

    def render(self) -> str:
        """Return the table as plain text."""
        cells = [self.columns, *([row[0], *map(_format, row[1:])] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["   ".join(_align(row, widths)).rstrip() for row in cells]
        return "\n".join([self.title, "", *lines])


def _format(figure: float) -> str:
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.2f}"


def _align(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    name, *figures = row
    aligned = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
    return [name.ljust(widths[0]), *aligned]
