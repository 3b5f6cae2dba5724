"""Buying what is selected in a cart: exactly that, exactly once, never more than there is.

1. Settle what the buyer ordered before, read the cart, and save it, so that it can be restored.
2. Sell the lines in one transaction (`orders.selling`). If another order or a merge has changed the
   copy by then, begin again.
3. Take exactly the bought units out of the cart, once per order.

Until the transaction of step 2 commits, nothing is sold and the cart is as it was. After it, a
task does step 3 if it is not done yet.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carts.attempts import attempt_until_done
from carts.domain.cart import Cart, CartOwner, Line, LineId
from carts.domain.errors import AccessDenied, CartNotFound, ItemNotFound
from carts.operations import ChangeContext, prepare_purchase
from orders.errors import CheckoutContended, NothingSelected
from orders.models import Order
from orders.selling import OrderDraft, RepeatGuard, sell
from orders.settlement import settle


def place_order(
    *,
    owner: CartOwner,
    draft: OrderDraft,
    context: ChangeContext,
    now: datetime,
    guard: RepeatGuard | None = None,
) -> Order:
    """Sell the lines of the draft to the cart's owner.

    Every line must be purchasable in its whole quantity, or nothing is sold. There is one
    exception: if all selected lines are ordered, and those that can be bought come to
    `expected_cents`, the buyer was shown the cart without the others, and these stay in it. A new
    price prevents the order only if the total is not `expected_cents`.

    Raises NothingSelected, AccessDenied, ItemNotFound, CartNotFound, CartInvalid, PriceChanged,
    TooManyPendingOrders, RateLimited, AccessEnded, CartStoreUnavailable, CheckoutContended, and
    what the guard raises; nothing is sold then, and the cart is as it was.
    """

    def attempt() -> Order:
        nonlocal context
        charged, context = context, replace(context, charges=())
        saved = prepare_purchase(owner=owner, context=charged)
        chosen = replace(saved, lines=_choose_lines(saved, draft.item_ids))
        return sell(cart=chosen, draft=draft, now=now, guard=guard)

    order = attempt_until_done(attempt, contended=CheckoutContended)
    settle(order)
    return order


def _choose_lines(cart: Cart, item_ids: Sequence[str] | None) -> tuple[Line, ...]:
    if item_ids is None:
        lines = tuple(line for line in cart.lines if line.selected)
    else:
        wanted = {_require_line(cart, item_id) for item_id in item_ids}
        lines = tuple(line for line in cart.lines if line.sku_id in wanted)
    if not lines:
        raise NothingSelected
    return lines


def _require_line(cart: Cart, item_id: str) -> str:
    """Return the SKU of a line of this cart. The id alone tells that a line is somebody else's."""
    line_id = LineId.parse(item_id)
    if line_id is not None and line_id.cart_id != cart.id:
        raise AccessDenied
    if not cart.exists:
        raise CartNotFound
    if line_id is None or cart.line_of(line_id.sku_id) is None:
        raise ItemNotFound
    return line_id.sku_id
