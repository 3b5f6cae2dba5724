"""Show a cart's hash and copy side by side."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management import CommandParser
from django.utils import timezone

from carts.domain.cart import Cart, Line
from carts.live.care import HashState
from carts.management.command import CartCommand, Report, add_owner_arguments, read_owner
from carts.permanent.inspecting import CopyState, Inspection, inspect_cart

_WIDTH = 34


class Command(CartCommand):
    help = "Show a cart as Redis and as the database have it: age, version, expiry, merges, lines."
    examples = """\
  manage.py inspect_cart --user USER_ID
  manage.py inspect_cart --guest GUEST_ID --json"""

    def add_options(self, parser: CommandParser) -> None:
        add_owner_arguments(parser)

    def report(self, options: Namespace) -> Report:
        found = inspect_cart(read_owner(options))
        living, copy = _list_living(found.living), _list_copy(found.copy)
        drift = found.drift.kind if found.drift is not None else None
        return Report(
            {
                "redis": living or None,
                "database": copy or None,
                "drift": drift,
                "pendingOrders": list(found.pending_orders),
            },
            [
                *_tabulate(living, copy),
                f"drift: {drift or 'none'}",
                f"orders to settle: {', '.join(found.pending_orders) or 'none'}",
            ],
            failure=_find_failure(found),
        )


def _find_failure(found: Inspection) -> str | None:
    if found.living is None and found.copy is None:
        return "There is no such cart."
    return "The two copies have drifted apart." if found.drift is not None else None


def _list_living(state: HashState | None) -> dict[str, Any]:
    if state is None:
        return {}
    content = _list_cart(state.found.cart) if state.found is not None else {"status": "UNREADABLE"}
    ttl = None if state.ttl_ms is None else timezone.now() + timedelta(milliseconds=state.ttl_ms)
    known = state.found.known_versions if state.found is not None else ()
    return content | {
        "expires": _format(ttl) if ttl is not None else "never",
        "saved versions": ", ".join(map(str, known)),
        "unsaved since": _format_ms(state.unsaved_since_ms),
        "merge begun": _format_ms(state.merging_since_ms),
        "set aside": _format_ms(state.set_aside_ms),
        "bytes": state.bytes_used,
    }


def _list_copy(state: CopyState | None) -> dict[str, Any]:
    if state is None:
        return {}
    return _list_cart(state.copy.cart) | {
        "expires": _format(state.expires_at),
        "saved": _format(state.saved_at),
        "put to rest": _format(state.retired_at),
    }


def _list_cart(cart: Cart) -> dict[str, Any]:
    return {
        "cart": cart.id,
        "status": cart.status,
        "version": cart.version,
        "created": _format_ms(cart.created_ms),
        "changed": _format_ms(cart.updated_ms),
        "being merged into": cart.handover.user_id if cart.handover is not None else "",
        "merged carts": len(cart.merged),
        "settled orders": len(cart.settled),
        "lines": {line.sku_id: _describe(line) for line in cart.lines},
    }


def _describe(line: Line) -> str:
    mark = "" if line.selected else ", not selected"
    return f"{line.quantity} at revision {line.revision}{mark}"


def _tabulate(living: dict[str, Any], copy: dict[str, Any]) -> list[str]:
    rows = [("", "Redis", "database")]
    names = [name for name in dict.fromkeys([*living, *copy]) if name != "lines"]
    rows += [(name, living.get(name, ""), copy.get(name, "")) for name in names]
    ours, theirs = living.get("lines", {}), copy.get("lines", {})
    rows += [
        (f"  {sku_id}", ours.get(sku_id, ""), theirs.get(sku_id, ""))
        for sku_id in dict.fromkeys([*ours, *theirs])
    ]
    return [f"{name:28}{left!s:{_WIDTH}}{right!s}".rstrip() for name, left, right in rows]


def _format_ms(moment_ms: int | None) -> str:
    if moment_ms is None:
        return ""
    return _format(datetime.fromtimestamp(moment_ms // 1_000, UTC))


def _format(moment: datetime | None) -> str:
    """Return a moment to the second, and how far it is from now in the largest fitting unit."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    distance = next(
        (f"{abs(seconds) / size:.0f} {unit}" for size, unit in _UNITS if abs(seconds) >= size),
        "0 s",
    )
    return f"{moment:%Y-%m-%d %H:%M:%S} ({'in ' if seconds < 0 else '-'}{distance})"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
