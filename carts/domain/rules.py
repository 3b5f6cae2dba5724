"""What may be in a cart: the one validator behind add, update, merge, validate and checkout."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from carts.domain.cart import Line
from carts.domain.errors import (
    CartError,
    InsufficientStock,
    InvalidProductOrQuantity,
    ProductNotAvailable,
    PurchaseLimitExceeded,
)
from products.offers import Offer, Snapshot

ON_SHELF = 1

UnavailableReason = Literal["off_shelf", "out_of_stock", "deleted"]
IssueCode = Literal[
    "insufficient_stock",
    "out_of_stock",
    "price_changed",
    "product_not_available",
    "purchase_limit_exceeded",
]


def unavailable_reason(offer: Offer | None) -> UnavailableReason | None:
    """Return why a SKU cannot be bought at all, or None if it can."""
    if offer is None or offer.is_deleted:
        return "deleted"
    if offer.status != ON_SHELF or not offer.is_active:
        return "off_shelf"
    if offer.stock is not None and offer.stock <= 0:
        return "out_of_stock"
    return None


@dataclass(frozen=True, slots=True)
class SortedLines:
    """A cart's lines: those that can be bought now, and those that are hidden until they can."""

    purchasable: list[tuple[Line, Offer]]
    unavailable: list[tuple[Line, Offer | None]]


def sort_lines(lines: Iterable[Line], offers: Mapping[str, Offer]) -> SortedLines:
    """Set apart the lines that can be bought from those that cannot, each in order."""
    sorted_lines = SortedLines([], [])
    for line in lines:
        offer = offers.get(line.sku_id)
        if offer is None or unavailable_reason(offer) is not None:
            sorted_lines.unavailable.append((line, offer))
        else:
            sorted_lines.purchasable.append((line, offer))
    return sorted_lines


def is_purchasable(offer: Offer | None) -> bool:
    """Tell whether a line of this offer counts in the cart's totals."""
    return unavailable_reason(offer) is None


def remaining_allowance(offer: Offer) -> int | None:
    """Return how many units the buyer may still buy under the SKU's limit; None without one."""
    if offer.purchase_limit is None:
        return None
    return max(0, offer.purchase_limit - offer.bought)


def highest_quantity(offer: Offer, *, max_units: int) -> int:
    """Return the most units a line of this offer may hold for this buyer."""
    most = max_units if offer.stock is None else min(offer.stock, max_units)
    allowance = remaining_allowance(offer)
    return most if allowance is None else min(most, allowance)


def is_on_sale(offer: Offer | None) -> bool:
    """Tell whether an offer is on shelf, active and not deleted, in stock or not."""
    return unavailable_reason(offer) not in {"deleted", "off_shelf"}


def require_available(offer: Offer | None) -> None:
    """Raise ProductNotAvailable unless the offer is on sale."""
    if not is_on_sale(offer):
        raise ProductNotAvailable


def refusal_of(offer: Offer, *, in_cart: int, requested: int, total: int) -> CartError:
    """Return why a request for `requested` units may not bring a line from `in_cart` to `total`.

    Stock comes first, because the shop can do something about it.
    """
    if offer.stock is not None and total > offer.stock:
        return InsufficientStock(available=offer.stock, in_cart=in_cart, requested=requested)
    allowance = remaining_allowance(offer)
    if allowance is None or total <= allowance:
        return InvalidProductOrQuantity()
    return PurchaseLimitExceeded(
        limit=offer.purchase_limit or 0,
        remaining=allowance,
        in_cart=in_cart,
        requested=requested,
    )


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a line: a stable code and a sentence."""

    code: IssueCode
    message: str


def find_issues(
    line: Line, offer: Offer | None, snapshots: Mapping[int, Snapshot]
) -> tuple[Issue, ...]:
    """Return what a buyer must be told before this line can be bought as it stands.

    `snapshots` holds the revisions of lines whose offer has moved on since.
    """
    reason = unavailable_reason(offer)
    if reason == "out_of_stock":
        return (Issue("out_of_stock", "Out of stock"),)
    if offer is None or reason is not None:
        return (Issue("product_not_available", "Product not available"),)
    issues = []
    if offer.stock is not None and line.quantity > offer.stock:
        message = f"Insufficient stock. Available: {offer.stock}"
        issues.append(Issue("insufficient_stock", message))
    allowance = remaining_allowance(offer)
    if allowance is not None and line.quantity > allowance:
        message = f"Purchase limit exceeded. Limit: {offer.purchase_limit}"
        issues.append(Issue("purchase_limit_exceeded", message))
    price_at_add = price_when_added(line, offer, snapshots)
    if price_at_add != offer.price_cents:
        change = f"{format_cents(price_at_add)} to {format_cents(offer.price_cents)}"
        issues.append(Issue("price_changed", f"Price changed from {change}"))
    return tuple(issues)


def price_when_added(line: Line, offer: Offer, snapshots: Mapping[int, Snapshot]) -> int:
    """Return the price in cents when the line was added or last acknowledged."""
    snapshot = snapshots.get(line.revision)
    return offer.price_cents if snapshot is None else snapshot.price_cents


def format_cents(cents: int) -> str:
    """Return cents as people read money, with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"
