"""What can go wrong with an order. Codes are part of the API, with statuses in config.http."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from carts.operations import CartView
from config.errors import ServiceError
from config.notation import render_money


class OrderError(ServiceError):
    """Base of every expected failure of an order call."""


class NothingSelected(OrderError):
    """The cart has no selected line, or an empty list of lines was given."""

    code: ClassVar[str] = "nothing_selected"
    message: ClassVar[str] = "No items selected"


class ContactRequired(OrderError):
    """A guest left no way to be reached."""

    code: ClassVar[str] = "contact_required"
    message: ClassVar[str] = "Guests must give contact.email or contact.phone"


class LinesRefused(OrderError):
    """The order's lines cannot be sold. `view` holds them as they are now."""

    def __init__(self, view: CartView) -> None:
        super().__init__()
        self.view = view


class CartInvalid(LinesRefused):
    """A line cannot be bought as it stands."""

    code: ClassVar[str] = "cart_invalid"
    message: ClassVar[str] = "Cart validation failed"


class PriceChanged(LinesRefused):
    """The lines come to another total than expected; both are in cents."""

    code: ClassVar[str] = "price_changed"
    message: ClassVar[str] = "Price changed"

    def __init__(self, view: CartView, *, expected_cents: int, total_cents: int) -> None:
        super().__init__(view)
        self.expected_cents = expected_cents
        self.total_cents = total_cents

    def describe(self) -> dict[str, object]:
        return {
            "type": self.code,
            "expectedTotal": render_money(self.expected_cents),
            "totalAmount": render_money(self.total_cents),
        }


@dataclass(eq=False)
class TooManyPendingOrders(OrderError):
    """Too much waits for payment already: `pending` orders or units, as `counted` says."""

    code: ClassVar[str] = "too_many_pending_orders"
    message: ClassVar[str] = "Too many orders are waiting for payment"

    counted: Literal["orders", "units"]
    limit: int
    pending: int

    def __str__(self) -> str:
        if self.counted == "orders":
            return self.message
        return "Too many units are waiting for payment"


class CheckoutContended(OrderError):
    """Another change of the cart came first at every attempt; nothing is done, try again."""

    code: ClassVar[str] = "checkout_contended"
    message: ClassVar[str] = "Another order of this cart is being placed"


class OrderNotFound(OrderError):
    """The buyer has no such order."""

    code: ClassVar[str] = "order_not_found"
    message: ClassVar[str] = "Order not found"


@dataclass(eq=False)
class InvalidTransition(OrderError):
    """The order's `status` does not allow what was asked for."""

    code: ClassVar[str] = "invalid_transition"
    message: ClassVar[str] = "Order status does not allow this"

    status: str
    wanted: str

    def __str__(self) -> str:
        status, wanted = self.status.lower(), self.wanted.lower()
        if status == wanted:
            return f"The order is {status} already"
        return f"An order that is {status} cannot become {wanted}"


class WebhookDisabled(OrderError):
    """No secret is set, so no signature can be trusted."""

    code: ClassVar[str] = "not_found"
    message: ClassVar[str] = "Not found"


class PaymentEventReused(OrderError):
    """The event was told of before, about another order, amount or currency; the staff is told."""

    code: ClassVar[str] = "payment_event_reused"
    message: ClassVar[str] = "This event id was used for another payment"


class InvalidSignature(OrderError):
    """The webhook was not signed with our secret, or too long ago."""

    code: ClassVar[str] = "invalid_signature"
    message: ClassVar[str] = "Invalid signature"
