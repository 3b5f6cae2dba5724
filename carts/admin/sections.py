"""Where apps above the carts add to a cart's page, and to the ways of finding a cart.

Carts know nothing of what is built upon them, so an app above registers what it adds when its own
admin is loaded. The orders add the buyer's orders, and find a cart by an order's number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from carts.admin.moments import Cell
from carts.domain.cart import CartOwner


@dataclass(frozen=True, slots=True)
class Section:
    """A table on a cart's page; `more_url` leads to the rest of it, "" where there is none."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    more_url: str = ""


# Returns None where the reader of the page may not see the section.
SectionBuilder = Callable[[HttpRequest, CartOwner], Section | None]
# Returns whose cart a text names, None where it names none.
Finder = Callable[[str], CartOwner | None]

_builders: list[SectionBuilder] = []
_finders: list[Finder] = []


def register_section(build: SectionBuilder) -> SectionBuilder:
    """Add a section to every cart's page; a decorator."""
    _builders.append(build)
    return build


def register_finder(find: Finder) -> Finder:
    """Add a way of finding carts to the search box; a decorator."""
    _finders.append(find)
    return find


def build_sections(request: HttpRequest, owner: CartOwner) -> list[Section]:
    """Return the sections of an owner's page that the reader may see."""
    built = (build(request, owner) for build in _builders)
    return [section for section in built if section is not None]


def find_by_others(text: str) -> list[CartOwner]:
    """Return whose carts the registered ways find."""
    found = (find(text) for find in _finders)
    return [owner for owner in found if owner is not None]
