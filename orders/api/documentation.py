"""How the order endpoints look in the OpenAPI schema."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from carts.api import examples
from carts.domain import errors as cart_errors
from config.errors import InvalidField
from config.http.openapi import (
    BODY_ERRORS,
    EXAMPLE_TIME,
    GUEST_ID_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    KEY_ERRORS,
    PAGE_PARAMETERS,
    REPLAYED_HEADER,
    document_answer,
    document_call,
    name_settings,
)
from config.http.ratelimit import RateLimited
from orders import errors
from orders.api.inputs import MAX_NOTE_LENGTH
from orders.api.serializers import (
    OrderBody,
    OrderPageSerializer,
    OrderSerializer,
    PaymentEventBody,
    PaymentOutcomeSerializer,
)
from orders.models import OrderStatus

_ERRORS: tuple[str | Exception, ...] = (
    cart_errors.GuestIdRequired(),
    cart_errors.InvalidGuestId(),
    RateLimited(retry_after_seconds=17),
    "database_busy",
    "database_unavailable",
    "token_not_valid",
)
# The cart's own, so that the examples tell one story.
_LINE = examples.LINE
_ORDER = {
    "id": "tz4a98xxat96iws9zmbrgj3a",
    "orderNumber": "K7QF-2M9X-B4TD",
    "status": "PENDING",
    "totalAmount": 299.98,
    "currency": "CNY",
    "itemCount": 2,
    "items": [
        {
            "id": f"tz4a98xxat96iws9zmbrgj3a_{_LINE['skuId']}",
            "productId": _LINE["productId"],
            "skuId": _LINE["skuId"],
            "skuCode": _LINE["sku"]["code"],
            "name": _LINE["product"]["name"],
            "image": _LINE["product"]["images"][0],
            "price": _LINE["price"],
            "quantity": _LINE["quantity"],
            "totalPrice": _LINE["totalPrice"],
            "merchant": _LINE["product"]["merchant"],
        }
    ],
    "shippingAddress": {"name": "林", "city": "杭州", "line1": "文三路 100 号"},
    "contact": {"email": "lin@example.com"},
    "note": None,
    "createdAt": EXAMPLE_TIME,
    "paidAt": None,
    "cancelledAt": None,
    "expiresAt": "2026-01-02T03:34:05.678Z",
    "returned": None,
}
_RETURNED = {
    "lines": [{"skuId": _LINE["skuId"], "quantity": 1}],
    "capped": [
        {
            "skuId": _LINE["skuId"],
            "requested": 2,
            "quantity": 1,
            "reason": "insufficient_stock",
        }
    ],
}
_CANCELLED = {
    "status": "CANCELLED",
    "cancelledAt": "2026-01-02T03:14:05.678Z",
    "returned": _RETURNED,
}
_VALIDATION = {
    "isValid": False,
    "issues": [
        {
            "itemId": _LINE["id"],
            "productId": _LINE["productId"],
            "productName": _LINE["product"]["name"],
            "issues": ["Insufficient stock. Available: 1"],
            "codes": ["insufficient_stock"],
        }
    ],
    "validItems": [],
    "invalidItemCount": 1,
}
# Of a cart that nobody has: what is wrong with its lines is shown by _VALIDATION.
_VIEW: Any = None
_ORDER_ID = OpenApiParameter("order_id", OpenApiTypes.STR, OpenApiParameter.PATH)
_ANSWER = document_answer(OrderSerializer(), name="Order", example=_ORDER)

CREATE = document_call(
    operation_id="createOrder",
    tags=["Orders"],
    summary="Order what is selected in the cart",
    description=(
        "Buys the given lines, or all selected ones, at the prices of this moment: all of them, or "
        "none. Exactly the bought units then leave the cart.\n\n"
        "Each line must be on sale, in stock in its whole quantity and within the limit, else the "
        "answer is `cart_invalid` with what `GET /cart/validate` says of these lines as `data`. "
        "That goes for selected lines among `unavailableItems` too, with one exception: where "
        "`itemIds` is left out and `expectedTotal` is the cart's `totalAmount`, which does not "
        "count them, the rest is bought and they stay in the cart.\n\n"
        "A price that has changed since a line was added blocks nothing by itself. Send "
        "`expectedTotal`: if the lines come to anything else, the answer is `price_changed`.\n\n"
        "An order over 0.00 is `PAID` at once.\n\n"
        "A guest who gives the same e-mail address or phone number under another guest id is the "
        "same buyer to purchase limits. Orders that wait for payment, and the units in them, are "
        "limited by user or guest's contact and by network address: `too_many_pending_orders` "
        "tells which are too many, and goes once they are paid or cancelled."
    ),
    parameters=[GUEST_ID_HEADER, IDEMPOTENCY_KEY_HEADER, REPLAYED_HEADER],
    request=OrderBody,
    bodies={
        "All selected lines": {"expectedTotal": 299.98},
        "Two lines, by a guest": {
            "itemIds": [_LINE["id"], examples.MISSING_ITEM_ID],
            "contact": _ORDER["contact"],
            "shippingAddress": _ORDER["shippingAddress"],
        },
    },
    answer=_ANSWER,
    failures=(
        *_ERRORS,
        *BODY_ERRORS,
        *KEY_ERRORS,
        InvalidField(
            field="note", reason=f"must be a text of at most {MAX_NOTE_LENGTH} characters"
        ),
        cart_errors.AccessDenied(),
        cart_errors.CartNotFound(),
        cart_errors.CartStoreUnavailable(),
        cart_errors.ItemNotFound(),
        errors.CheckoutContended(),
        errors.ContactRequired(),
        errors.NothingSelected(),
        errors.TooManyPendingOrders(counted="orders", limit=20, pending=20),
        errors.CartInvalid(_VIEW),
        errors.PriceChanged(_VIEW, expected_cents=27_998, total_cents=29_998),
    ),
    refused={"cart_invalid": _VALIDATION, "price_changed": _VALIDATION},
)

LIST = document_call(
    operation_id="listOrders",
    tags=["Orders"],
    summary="List orders, newest first",
    parameters=[
        GUEST_ID_HEADER,
        OpenApiParameter("status", {"type": "string", "enum": OrderStatus.values}),
        *PAGE_PARAMETERS,
    ],
    answer=document_answer(
        OrderPageSerializer(),
        name="OrderPage",
        example={"items": [_ORDER], "total": 1, "page": 1, "pageSize": 20},
    ),
    failures=(*_ERRORS, "invalid_field"),
)

RETRIEVE = document_call(
    operation_id="getOrder",
    tags=["Orders"],
    summary="Show an order",
    parameters=[GUEST_ID_HEADER, _ORDER_ID],
    answer=_ANSWER,
    failures=(*_ERRORS, errors.OrderNotFound()),
)

CANCEL = document_call(
    operation_id="cancelOrder",
    tags=["Orders"],
    summary="Cancel an order that is not paid",
    description=(
        "Its units and the buyer's allowance return at once. With `restoreCart=true` the lines go "
        "back into the cart, selected or not as they were: as many units as can be bought then, "
        "and lines that cannot be bought at all as unavailable ones. `returned` tells of every "
        "line. While the cart store is down it is `null`, and they follow when it is back."
    ),
    parameters=[
        GUEST_ID_HEADER,
        _ORDER_ID,
        OpenApiParameter(
            "restoreCart", {"type": "string", "enum": ["true", "false"], "default": "false"}
        ),
    ],
    request=None,
    answer=document_answer(OrderSerializer(), name="Order", example=_ORDER | _CANCELLED),
    failures=(
        *_ERRORS,
        InvalidField(field="restoreCart", reason="must be true or false"),
        errors.InvalidTransition(status="PAID", wanted="CANCELLED"),
        errors.OrderNotFound(),
    ),
)

PAYMENT_WEBHOOK = document_call(
    operation_id="reportPayment",
    tags=["Orders"],
    summary="Tell of a payment (payment provider only)",
    description=name_settings(
        "Signed with the secret shared with the provider: `v1` is the HMAC-SHA256 of "
        "`<t>.<body>` in lower-case hexadecimal, `t` the time of signing in seconds since the "
        "epoch, at most {settings.PAYMENT_WEBHOOK_TOLERANCE_SECONDS} seconds from now. Several "
        "`v1` may be sent while a secret is being replaced. An event is taken once by its `id`; a "
        "payment that is not in order is recorded and flagged, and changes nothing. An `id` that "
        "told of another order, amount or currency before is 409, and flagged for the staff as "
        "well. Without a secret in the settings there is no such endpoint."
    ),
    auth=[],
    parameters=[
        OpenApiParameter(
            "X-Payment-Signature",
            {"type": "string", "pattern": "^t=[0-9]{1,12}(, ?v1=[0-9a-f]{64})+$"},
            OpenApiParameter.HEADER,
            required=True,
            description="`t=1733653800,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d…`",
        )
    ],
    request=PaymentEventBody,
    bodies={
        "A payment": {
            "id": "evt_8f14e45f",
            "type": "payment.succeeded",
            "orderId": _ORDER["id"],
            "amount": 299.98,
            "currency": "CNY",
        }
    },
    answer=document_answer(
        PaymentOutcomeSerializer(), name="PaymentOutcome", example={"outcome": "paid"}
    ),
    failures=(
        *BODY_ERRORS,
        "database_busy",
        "database_unavailable",
        "not_found",
        InvalidField(field="amount", reason="must be a number"),
        errors.InvalidSignature(),
        errors.PaymentEventReused(),
    ),
)
