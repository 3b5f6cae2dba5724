"""Which units of an order go back into a cart when the order is cancelled: a pure function."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from carts.domain.cart import Cart
from carts.domain.merging import CapReason, MergeLimits, cap_units
from products.offers import Offer

ReturnCap = CapReason | Literal["cart_full"]


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """Units of a SKU that were ordered, and whether their line was selected then."""

    sku_id: str
    units: int
    selected: bool


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """How many of the requested units go back, 0 included, and why not all; None where all do."""

    sku_id: str
    requested: int
    quantity: int
    reason: ReturnCap | None = None


def plan_return(
    *, cart: Cart, lines: Iterable[OrderedLine], offers: Mapping[str, Offer], limits: MergeLimits
) -> tuple[ReturnedLine, ...]:
    """Decide how many units of each line go back into the cart.

    1. What can be bought now goes back up to stock and allowance; the units in the cart count
       against both. What cannot be bought goes back up to the limit of a line.
    2. A line that has no place in a full cart stays out.

    A line that is in the cart is never lowered. Every line given is in the result.
    """
    in_cart = {line.sku_id: line.quantity for line in cart.lines}
    free_places = limits.max_lines - len(in_cart)
    planned: list[ReturnedLine] = []
    for line in lines:
        own = in_cart.get(line.sku_id, 0)
        most, reason = cap_units(own + line.units, offers.get(line.sku_id), limits.max_units)
        units = max(0, most - own)
        if not own and units:
            if free_places < 1:
                planned.append(ReturnedLine(line.sku_id, line.units, 0, "cart_full"))
                continue
            free_places -= 1
        planned.append(ReturnedLine(line.sku_id, line.units, units, reason))
    return tuple(planned)
