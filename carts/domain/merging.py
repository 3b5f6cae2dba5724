"""What a user's cart becomes when a guest's cart is merged into it: a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from carts.domain.cart import Cart, Line
from carts.domain.rules import highest_quantity, is_purchasable
from products.offers import Offer

Strategy = Literal["sum", "guest_wins", "user_wins", "max"]
STRATEGIES: frozenset[str] = frozenset(get_args(Strategy))

CapReason = Literal["insufficient_stock", "purchase_limit_exceeded", "line_limit"]
SkipReason = Literal["purchase_limit_exceeded", "cart_full"]


@dataclass(frozen=True, slots=True)
class MergedLine:
    """A line of the user's cart as the merge leaves it."""

    sku_id: str
    quantity: int
    selected: bool
    revision: int


@dataclass(frozen=True, slots=True)
class CappedLine:
    """A line that got fewer units than the strategy asked for."""

    sku_id: str
    requested: int
    quantity: int
    reason: CapReason


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A guest's line that could not be taken over at all."""

    sku_id: str
    requested: int
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class MergePlan:
    """The lines to write into the user's cart, and what the buyer must be told."""

    lines: tuple[MergedLine, ...] = ()
    capped: tuple[CappedLine, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """How many distinct lines a cart may have, and how many units a line may have."""

    max_lines: int
    max_units: int


def plan_merge(
    *,
    user: Cart,
    guest: Cart,
    offers: Mapping[str, Offer],
    strategy: Strategy,
    limits: MergeLimits,
) -> MergePlan:
    """Decide the quantity of every line the guest's cart brings.

    1. If both carts have the SKU, the strategy sets the wanted units; else the guest's cart does.
    2. What can be bought now is capped at stock and allowance; what cannot is kept as it is.
    3. A line that would have no unit left, or no place in a full cart, is skipped.
    """
    mine = {line.sku_id: line for line in user.lines}
    free_places = limits.max_lines - len(mine)
    lines: list[MergedLine] = []
    capped: list[CappedLine] = []
    skipped: list[SkippedLine] = []
    for theirs in guest.lines:
        own = mine.get(theirs.sku_id)
        wanted = _wanted_units(strategy, own, theirs)
        quantity, reason = cap_units(wanted, offers.get(theirs.sku_id), limits.max_units)
        if quantity < 1:
            skipped.append(SkippedLine(theirs.sku_id, wanted, "purchase_limit_exceeded"))
            continue
        if own is None and free_places < 1:
            skipped.append(SkippedLine(theirs.sku_id, wanted, "cart_full"))
            continue
        free_places -= own is None
        if reason is not None:
            capped.append(CappedLine(theirs.sku_id, wanted, quantity, reason))
        lines.append(_merge_line(strategy, own, theirs, quantity))
    return MergePlan(tuple(lines), tuple(capped), tuple(skipped))


def cap_units(wanted: int, offer: Offer | None, max_units: int) -> tuple[int, CapReason | None]:
    """Return how many of the wanted units a line may have, and why not all.

    What cannot be bought now is capped at `max_units` alone.
    """
    if offer is None or not is_purchasable(offer):
        return min(wanted, max_units), None if wanted <= max_units else "line_limit"
    ceiling = highest_quantity(offer, max_units=max_units)
    if wanted <= ceiling:
        return wanted, None
    if ceiling == offer.stock:
        return ceiling, "insufficient_stock"
    return ceiling, "line_limit" if ceiling == max_units else "purchase_limit_exceeded"


def _wanted_units(strategy: Strategy, own: Line | None, theirs: Line) -> int:
    if own is None:
        return theirs.quantity
    match strategy:
        case "sum":
            return own.quantity + theirs.quantity
        case "max":
            return max(own.quantity, theirs.quantity)
        case "guest_wins":
            return theirs.quantity
        case "user_wins":
            return own.quantity


def _merge_line(strategy: Strategy, own: Line | None, theirs: Line, quantity: int) -> MergedLine:
    if own is None:
        return MergedLine(theirs.sku_id, quantity, theirs.selected, theirs.revision)
    match strategy:
        case "guest_wins":
            selected = theirs.selected
        case "user_wins":
            selected = own.selected
        case _:
            selected = own.selected or theirs.selected
    return MergedLine(theirs.sku_id, quantity, selected, own.revision)
