"""The state of a cart, in a sentence or two."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from django.utils.translation import gettext as _

from carts.admin.moments import show_span
from carts.models import CartStatus
from carts.permanent.inspecting import CopyState, Inspection
from carts.permanent.verifying import DriftKind

Level = Literal["success", "info", "warning", "danger"]


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands above the page; the level chooses its colour."""

    level: Level
    title: str
    text: str


def describe_state(found: Inspection, *, is_store_down: bool, now: datetime) -> list[Banner]:
    """Return what the staff must know first: a banner on the two copies, then what else goes on."""
    banners = [_describe_copies(found, is_store_down=is_store_down, now=now)]
    if found.living and found.living.merging_since_ms is not None:
        text = _("It takes no change until the merge has been finished.")
        banners.append(Banner("warning", _("This cart is being merged into a user's"), text))
    if found.living and found.living.set_aside_ms is not None:
        text = _("It is tried again when the cart changes, or with “Save now”.")
        banners.append(Banner("danger", _("The last save of this cart failed"), text))
    if found.pending_orders:
        text = _("What these orders bought may still be in one of the copies: %(orders)s.")
        orders = ", ".join(found.pending_orders)
        banners.append(Banner("info", _("Orders to settle"), text % {"orders": orders}))
    return banners


def _describe_copies(found: Inspection, *, is_store_down: bool, now: datetime) -> Banner:
    if is_store_down:
        text = _("This is the saved copy alone; the living cart may be newer. Try again shortly.")
        return Banner("danger", _("The live store cannot be reached right now"), text)
    if found.drift is not None:
        return Banner(
            "danger", _("The two copies have drifted apart"), describe_drift(found.drift.kind)
        )
    if found.living is None:
        return _describe_copy_alone(found.copy)
    if found.living.unsaved_since_ms is not None:
        since = datetime.fromtimestamp(found.living.unsaved_since_ms / 1_000, UTC)
        title = _("Changed since it was saved") if found.copy else _("Not saved yet")
        text = (
            _("For %(time)s. The next save writes the living cart over the copy.")
            if found.copy
            else _("It is in Redis alone, for %(time)s. The next save writes the copy.")
        )
        return Banner("info", title, text % {"time": show_span(now - since)})
    return Banner("success", _("Both copies agree"), "")


def _describe_copy_alone(copy: CopyState | None) -> Banner:
    if copy is None:
        return Banner("info", _("There is no cart"), _("The first line that is added starts one."))
    status = CartStatus(copy.copy.cart.status)
    if status != CartStatus.ACTIVE or copy.copy.has_expired:
        title = _("The last cart has ended: %(status)s")
        ended = CartStatus.EXPIRED if copy.copy.has_expired else status
        text = _("The first line that is added starts the next one.")
        return Banner("info", title % {"status": ended.label}, text)
    text = _("It comes back by itself with the owner's next look at it, or with “Restore”.")
    return Banner("info", _("Only the saved copy is there"), text)


def describe_drift(kind: DriftKind) -> str:
    """Tell what is wrong between two copies that have drifted apart."""
    texts: dict[DriftKind, str] = {
        "unreadable": _("What Redis holds under this owner is not a cart."),
        "not saved": _("There is no copy, and the cart is not marked as unsaved."),
        "not marked": _("The copy is older, and the cart is not marked as unsaved."),
        "other history": _("The copy knows of changes that the living cart has never seen."),
        "differs": _("Both have the same version, but not the same content."),
    }
    return texts[kind]
