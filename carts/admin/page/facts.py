"""What is known of a living cart and its copy besides their lines: one fact a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from carts.admin.moments import Cell, show_moment, show_ms
from carts.domain.cart import Cart
from carts.live.care import HashState
from carts.models import CartStatus
from carts.permanent.inspecting import CopyState, Inspection

NONE = Cell("–")


@dataclass(frozen=True, slots=True)
class Fact:
    """A property of the living cart and of its copy; `differs` marks what should be the same."""

    label: str
    living: Cell
    copy: Cell
    differs: bool = False


def list_facts(found: Inspection, *, now: datetime) -> list[Fact]:
    """Return the facts of a cart; those of a side that is not there are dashes."""
    shared = [
        _compare(label, ours, theirs)
        for (label, ours), (_label, theirs) in zip(
            _describe(found.living_cart, now), _describe(found.copy_cart, now), strict=True
        )
    ]
    return [*shared, *_list_own(found.living, found.copy, now)]


def _describe(cart: Cart | None, now: datetime) -> Iterator[tuple[str, Cell]]:
    """Tell what both copies have, in the same order for each."""
    yield _("Cart"), Cell(cart.id) if cart else NONE
    yield _("Status"), Cell(str(CartStatus(cart.status).label)) if cart else NONE
    yield _("Version"), Cell(str(cart.version)) if cart else NONE
    yield _("Created"), show_ms(cart.created_ms, now=now) if cart else NONE
    yield _("Changed"), show_ms(cart.updated_ms, now=now) if cart else NONE
    handover = cart.handover if cart else None
    strategy = Cell(handover.user_id, handover.strategy) if handover else NONE
    yield _("Being merged into user"), strategy
    yield _("Carts merged into it"), _show_marks(cart.merged) if cart else NONE
    yield _("Orders settled"), _show_marks(cart.settled) if cart else NONE


def _compare(label: str, living: Cell, copy: Cell) -> Fact:
    is_comparable = NONE not in (living, copy) or label == _("Being merged into user")
    return Fact(label, living, copy, differs=is_comparable and living.text != copy.text)


def _list_own(living: HashState | None, copy: CopyState | None, now: datetime) -> Iterator[Fact]:
    """Tell what only one of the copies has."""
    yield Fact(
        _("Goes by itself"),
        _show_ttl(living, now) if living else NONE,
        show_moment(copy.expires_at, now=now) if copy else NONE,
    )
    saved = _show_versions(living) if living else NONE
    yield Fact(_("Saved"), saved, show_moment(copy.saved_at, now=now) if copy else NONE)
    unsaved = show_ms(living.unsaved_since_ms, now=now) if living else NONE
    yield Fact(_("Unsaved since"), unsaved, NONE)
    if living and living.merging_since_ms is not None:
        yield Fact(_("Merge begun"), show_ms(living.merging_since_ms, now=now), NONE)
    if living and living.set_aside_ms is not None:
        yield Fact(_("Could not be saved"), show_ms(living.set_aside_ms, now=now), NONE)
    if copy and copy.retired_at is not None:
        yield Fact(_("Put to rest"), NONE, show_moment(copy.retired_at, now=now))
    if living:
        yield Fact(_("Memory"), Cell(filesizeformat(living.bytes_used)), NONE)


def _show_ttl(living: HashState, now: datetime) -> Cell:
    if living.ttl_ms is None:
        return Cell(_("never"))
    return show_moment(now + timedelta(milliseconds=living.ttl_ms), now=now)


def _show_versions(living: HashState) -> Cell:
    """Tell which versions the copy may have, as the living cart notes them."""
    known = living.found.known_versions if living.found else ()
    saved = [str(version) for version in known if version]
    return Cell(_("at version %(versions)s") % {"versions": ", ".join(saved)} if saved else "–")


def _show_marks(marks: tuple[str, ...]) -> Cell:
    return Cell(str(len(marks)), ", ".join(marks))
