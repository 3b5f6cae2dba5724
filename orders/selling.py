"""The transaction of an order: everything is sold, or nothing is.

1. Notice a request that came before.
2. Lock the copy of the cart, where its orders queue up, and check that it is still what was read.
3. Lock the SKUs in id order, and read their offers as they stand then.
4. Check the lines, and what they come to.
5. Take stock and allowance, see that not too much waits for payment, write the order, mark it paid
   if its total is 0, and note down what must leave the cart.

The transaction asks only the database, and needs as many queries for many lines as for one.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from django.conf import settings

from carts.domain import rules
from carts.domain.cart import Cart, Line
from carts.operations import hold_copy, schedule_settlement, view_cart
from config.stores.database import in_transaction
from orders.contacts import list_contact_marks
from orders.errors import CartInvalid, PriceChanged
from orders.lifecycle import SYSTEM, pay_order
from orders.models import Order, OrderEvent, OrderItem, OrderStatus
from orders.pending import hold_pending, list_marks
from products.offers import Offer
from products.stock import hold_offers, take

# Without I, L, O and U, which are misread or make words.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """What a buyer orders: lines by id (None for all selected ones), and where it goes.

    `expected_cents` is the total the buyer was shown, None if unknown; `address` is where the
    request came from, "" if unknown.
    """

    item_ids: tuple[str, ...] | None = None
    expected_cents: int | None = None
    contact: dict[str, Any] | None = None
    shipping_address: dict[str, Any] | None = None
    note: str = ""
    address: str = ""


class RepeatGuard(Protocol):
    """What keeps a repeated request from ordering again. Both methods run in the transaction."""

    def enter(self) -> None:
        """Raise if the request came before, or is being served."""

    def leave(self, order: Order) -> None:
        """Keep what came of the request."""


@in_transaction
def sell(
    *, cart: Cart, draft: OrderDraft, now: datetime, guard: RepeatGuard | None = None
) -> Order:
    """Sell all lines of `cart`, which is the saved cart without the lines that were not chosen.

    Raises Overtaken, CartInvalid, PriceChanged, TooManyPendingOrders, and what the guard raises;
    nothing is sold then.
    """
    buyer = cart.owner.key
    # Contacts tell that it is the same guest under another guest id; a user has one account.
    contacts = list_contact_marks(draft.contact) if cart.owner.is_guest else ()
    if guard is not None:
        guard.enter()
    hold_copy(cart)
    offers = hold_offers(sku_ids=cart.sku_ids, buyer=buyer, also=contacts)
    lines = _check_lines(cart, offers, draft)
    units = {line.sku_id: line.quantity for line, _ in lines}
    take(offers=offers, units=units, buyer=buyer, also=contacts)
    marks = list_marks(cart.owner, contacts, draft.address)
    hold_pending(marks=marks, units=sum(units.values()))
    order = _write_order(cart, lines, draft, marks, now)
    schedule_settlement(order_id=order.pk, owner=cart.owner, cart_id=cart.id, units=units)
    if guard is not None:
        guard.leave(order)
    return order


def _check_lines(
    cart: Cart, offers: Mapping[str, Offer], draft: OrderDraft
) -> list[tuple[Line, Offer]]:
    """Return the lines to sell with their offers; raises CartInvalid, PriceChanged."""
    lines = rules.sort_lines(cart.lines, offers)
    total = _sum_cents(lines.purchasable)
    has_issues = any(rules.find_issues(line, offer, {}) for line, offer in lines.purchasable)
    # A buyer who expects exactly this total was shown the cart without the hidden lines.
    knows_hidden = draft.item_ids is None and draft.expected_cents == total
    if has_issues or not lines.purchasable or (lines.unavailable and not knows_hidden):
        raise CartInvalid(view_cart(cart, offers))
    if draft.expected_cents is not None and draft.expected_cents != total:
        raise PriceChanged(
            view_cart(cart, offers), expected_cents=draft.expected_cents, total_cents=total
        )
    return lines.purchasable


def _write_order(
    cart: Cart,
    lines: Sequence[tuple[Line, Offer]],
    draft: OrderDraft,
    marks: list[str],
    now: datetime,
) -> Order:
    owner = cart.owner
    order = Order(
        number=draw_order_number(),
        buyer=owner.key,
        user_id=None if owner.is_guest else owner.id,
        cart_id=cart.id,
        total_amount=_to_money(_sum_cents(lines)),
        currency=settings.CART_CURRENCY,
        item_count=sum(line.quantity for line, _ in lines),
        contact=draft.contact,
        shipping_address=draft.shipping_address,
        note=draft.note,
        marks=marks,
        created_at=now,
        expires_at=now + timedelta(minutes=settings.ORDER_PAYMENT_MINUTES),
    )
    order.save(force_insert=True)
    order.sold_items = [_describe_item(order, line, offer) for line, offer in lines]
    OrderItem.objects.bulk_create(order.sold_items)
    OrderEvent.objects.create(
        order=order, to_status=OrderStatus.PENDING, actor=order.actor, created_at=now
    )
    # No payment will ever arrive for an order whose total is 0.
    return order if order.total_amount else _pay_nothing(order, now)


def _pay_nothing(order: Order, now: datetime) -> Order:
    paid = pay_order(order_id=order.pk, actor=SYSTEM, now=now)
    paid.sold_items = order.sold_items
    return paid


def _describe_item(order: Order, line: Line, offer: Offer) -> OrderItem:
    card = offer.read_card()
    return OrderItem(
        order=order,
        sku_id=line.sku_id,
        product_id=offer.product_id,
        merchant_id=card.merchant_id,
        merchant_name=card.merchant_name,
        sku_code=offer.code,
        name=card.name,
        image=card.image,
        price=_to_money(offer.price_cents),
        quantity=line.quantity,
        selected=line.selected,
        took_stock=offer.stock is not None,
    )


def _sum_cents(lines: Sequence[tuple[Line, Offer]]) -> int:
    return sum(offer.price_cents * line.quantity for line, offer in lines)


def _to_money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def draw_order_number() -> str:
    """Return a random number for people, such as "K7QF-2M9X-B4TD".

    Its 60 random bits tell nothing of other orders. That two of a million orders draw the same has
    odds of one in two million; the database then refuses the second, and nothing is sold.
    """
    symbols = "".join(secrets.choice(_SYMBOLS) for _ in range(12))
    return f"{symbols[:4]}-{symbols[4:8]}-{symbols[8:]}"
