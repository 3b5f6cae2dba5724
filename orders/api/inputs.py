"""From JSON bodies and queries to typed values, strictly: no coercion."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from carts.domain.cart import CartOwner
from config.errors import InvalidField
from config.http.parsing import NotAnObject, parse_json
from config.notation import MAX_CENTS
from orders.contacts import can_be_reached, read_contact
from orders.errors import ContactRequired, NothingSelected
from orders.models import OrderStatus
from orders.payments import PaymentNotice
from orders.selling import OrderDraft

MAX_NOTE_LENGTH = 1_000
MAX_DETAILS_ENTRIES = 50
MAX_DETAILS_TEXT = 500
MAX_EVENT_ID_LENGTH = 128
MAX_REFERENCE_LENGTH = 64
CURRENCY_LENGTH = 3
PAYMENT_SUCCEEDED = "payment.succeeded"

# Above this, readers of JSON disagree about which number was meant.
_MAX_NUMBER = 2**53 - 1


def read_draft(body: Mapping[str, Any], owner: CartOwner, *, address: str) -> OrderDraft:
    """Return what the body orders, and from what address.

    Raises InvalidField, NothingSelected, ContactRequired.
    """
    contact, total = _read_details(body, "contact"), body.get("expectedTotal")
    draft = OrderDraft(
        contact=None if contact is None else read_contact(contact),
        item_ids=_read_item_ids(body.get("itemIds")),
        expected_cents=None if total is None else int(read_money(total, "expectedTotal") * 100),
        shipping_address=_read_details(body, "shippingAddress"),
        note=_read_note(body.get("note")),
        address=address,
    )
    if owner.is_guest and not can_be_reached(draft.contact):
        raise ContactRequired
    return draft


def read_status(request: Request) -> OrderStatus | None:
    """Return the status asked for, None for any; raises InvalidField."""
    text = request.GET.get("status", "")
    if text == "":
        return None
    if text not in OrderStatus.values:
        raise InvalidField(field="status", reason=f"must be one of {', '.join(OrderStatus.values)}")
    return OrderStatus(text)


def read_restore_cart(request: Request) -> bool:
    """Tell whether the lines are to go back into the cart; raises InvalidField."""
    text = request.GET.get("restoreCart", "false")
    if text not in {"true", "false"}:
        raise InvalidField(field="restoreCart", reason="must be true or false")
    return text == "true"


def read_notice(body: bytes) -> PaymentNotice | None:
    """Return what a payment event says, None for an event of another type; raises InvalidField."""
    event = parse_json(body)
    if not isinstance(event, dict):
        raise NotAnObject
    if _read_text(event, "type", MAX_REFERENCE_LENGTH) != PAYMENT_SUCCEEDED:
        return None
    return PaymentNotice(
        event_id=_read_text(event, "id", MAX_EVENT_ID_LENGTH),
        order_reference=_read_text(event, "orderId", MAX_REFERENCE_LENGTH),
        amount=read_money(event.get("amount"), "amount"),
        currency=_read_text(event, "currency", CURRENCY_LENGTH),
    )


def read_money(value: Any, field: str) -> Decimal:
    """Return a JSON number as money; raises InvalidField unless it is 0 or more, in whole cents."""
    # bool is an int to Python, and not an amount to anybody else.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(field=field, reason="must be a number")
    if not 0 <= value <= MAX_CENTS / 100:
        raise InvalidField(field=field, reason="is out of range")
    # Of a float with so few digits, the shortest text is the one that was sent.
    amount = Decimal(repr(value))
    if amount != amount.quantize(Decimal("0.01")):
        raise InvalidField(field=field, reason="must have at most 2 decimals")
    return amount


def _read_item_ids(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    most = settings.CART_MAX_LINES
    if not isinstance(value, list) or not all(isinstance(item_id, str) for item_id in value):
        raise InvalidField(field="itemIds", reason="must be an array of strings")
    if len(value) > most:
        raise InvalidField(field="itemIds", reason=f"must have at most {most} entries")
    if not value:
        raise NothingSelected
    return tuple(dict.fromkeys(value))


def _read_details(body: Mapping[str, Any], field: str) -> dict[str, Any] | None:
    """Return an object whose members are up to the shop, if it is small enough to be kept."""
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidField(field=field, reason="must be an object")
    if _count_entries(value, field) > MAX_DETAILS_ENTRIES:
        raise InvalidField(field=field, reason=f"must have at most {MAX_DETAILS_ENTRIES} entries")
    return value


def _count_entries(value: Any, field: str) -> int:
    """Count what is in a value, however deep; raises InvalidField for what cannot be kept."""
    if isinstance(value, dict):
        return sum(_count_entries(part, field) for part in (*value.keys(), *value.values()))
    if isinstance(value, list):
        return sum(_count_entries(part, field) for part in value) + 1
    if isinstance(value, str) and len(value) > MAX_DETAILS_TEXT:
        raise InvalidField(field=field, reason=f"texts have at most {MAX_DETAILS_TEXT} characters")
    if isinstance(value, int | float) and abs(value) > _MAX_NUMBER:
        raise InvalidField(field=field, reason="holds a number out of range")
    return 1


def _read_text(event: Mapping[str, Any], field: str, longest: int) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise InvalidField(field=field, reason=f"must be a text of 1 to {longest} characters")
    return value


def _read_note(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NOTE_LENGTH:
        raise InvalidField(
            field="note", reason=f"must be a text of at most {MAX_NOTE_LENGTH} characters"
        )
    return value
