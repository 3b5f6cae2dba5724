"""Pages of a list: ?page= (from 1) and ?pageSize= (1 to 100, 20 by default)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from config.errors import InvalidField

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
# Far past any real list, and small enough that number * size fits the database's OFFSET.
MAX_PAGE_NUMBER = 1_000_000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: `number` counts from 1, `size` is in rows."""

    number: int
    size: int

    @property
    def rows(self) -> slice:
        start = (self.number - 1) * self.size
        return slice(start, start + self.size)


def read_page(request: HttpRequest | Request) -> PageRequest:
    """Return the page asked for; raises InvalidField."""
    return PageRequest(
        number=read_integer(request, "page", default=1, highest=MAX_PAGE_NUMBER),
        size=read_integer(request, "pageSize", default=DEFAULT_PAGE_SIZE, highest=MAX_PAGE_SIZE),
    )


def page_data(items: Sequence[Any], total: int, page: PageRequest) -> dict[str, Any]:
    """Return the `data` of a list answer."""
    return {"items": items, "total": total, "page": page.number, "pageSize": page.size}


def read_integer(request: HttpRequest | Request, name: str, *, default: int, highest: int) -> int:
    """Return a number of the query, from 1 to the highest; raises InvalidField."""
    text = request.GET.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidField(field=name, reason="must be a whole number")
    value = int(text)
    if not 1 <= value <= highest:
        raise InvalidField(field=name, reason=f"must be between 1 and {highest}")
    return value
