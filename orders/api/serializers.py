"""The shapes of orders in the API. Answers are written by them; bodies are read by `inputs`."""

from datetime import datetime
from typing import Any, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from carts.domain.merging import CapReason
from config.http.openapi import PageSerializer
from config.notation import MAX_CENTS, format_time
from orders.api.inputs import (
    CURRENCY_LENGTH,
    MAX_EVENT_ID_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_REFERENCE_LENGTH,
    PAYMENT_SUCCEEDED,
)
from orders.models import OrderStatus, PaymentFlag

# A reused event is refused, not taken.
_OUTCOME_FLAGS = [flag.value for flag in PaymentFlag if flag not in {"", PaymentFlag.EVENT_REUSED}]


@extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
class DetailsField(serializers.JSONField):
    """An object of the shop's own making, in all up to MAX_DETAILS_ENTRIES entries."""


class TimeField(serializers.DateTimeField):
    """A moment, written as all answers write it."""

    def to_representation(self, value: datetime) -> str:
        return format_time(value)


class NoteField(serializers.CharField):
    """A text, null where it is empty."""

    def to_representation(self, value: str) -> Any:
        return value or None


class OrderBody(serializers.Serializer[Any]):
    """What is ordered, and where it goes."""

    itemIds = serializers.ListField(  # noqa: N815
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        help_text="Lines of the cart; all selected ones where it is left out.",
    )
    expectedTotal = serializers.FloatField(  # noqa: N815
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_CENTS / 100,
        help_text="The total the buyer was shown: the order is refused if it differs.",
    )
    contact = DetailsField(
        required=False,
        help_text=(
            "A guest must give `email` or `phone`. Both are checked and trimmed: a mailbox may be "
            "in any script, a number may have an extension, and one from abroad begins with `+`."
        ),
    )
    shippingAddress = DetailsField(required=False)  # noqa: N815
    note = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTE_LENGTH
    )


class SellerSerializer(serializers.Serializer[Any]):
    """Who sold it."""

    id = serializers.CharField(source="merchant_id")
    name = serializers.CharField(source="merchant_name")


class OrderItemSerializer(serializers.Serializer[Any]):
    """One SKU, as it was sold."""

    id = serializers.CharField(source="public_id")
    productId = serializers.CharField(source="product_id")  # noqa: N815
    skuId = serializers.CharField(source="sku_id")  # noqa: N815
    skuCode = serializers.CharField(source="sku_code")  # noqa: N815
    name = serializers.CharField()
    image = serializers.CharField(allow_blank=True)
    price = serializers.FloatField()
    quantity = serializers.IntegerField(min_value=1)
    totalPrice = serializers.FloatField(source="total_price")  # noqa: N815
    merchant = SellerSerializer(source="*")


class ReturnedLineSerializer(serializers.Serializer[Any]):
    """Units that went back into the cart."""

    skuId = serializers.CharField()  # noqa: N815
    quantity = serializers.IntegerField(min_value=1)


class CappedReturnSerializer(serializers.Serializer[Any]):
    """A line of which fewer units went back than were ordered, or none."""

    skuId = serializers.CharField()  # noqa: N815
    requested = serializers.IntegerField(min_value=1)
    quantity = serializers.IntegerField(min_value=0)
    reason = serializers.ChoiceField(choices=[*get_args(CapReason), "cart_full"])


class ReturnedSerializer(serializers.Serializer[Any]):
    """What of a cancelled order went back into the cart. Every line is in one of both, or in both.

    Lines that cannot be bought now are back as unavailable ones.
    """

    lines = ReturnedLineSerializer(many=True)
    capped = CappedReturnSerializer(many=True)


class OrderSerializer(serializers.Serializer[Any]):
    """An order."""

    id = serializers.CharField()
    orderNumber = serializers.CharField(  # noqa: N815
        source="number", help_text="For people: `K7QF-2M9X-B4TD`."
    )
    status = serializers.ChoiceField(choices=OrderStatus.choices)
    totalAmount = serializers.FloatField(source="total_amount")  # noqa: N815
    currency = serializers.CharField()
    itemCount = serializers.IntegerField(  # noqa: N815
        source="item_count", min_value=1, help_text="In units."
    )
    items = OrderItemSerializer(source="sold_items", many=True)
    shippingAddress = DetailsField(source="shipping_address")  # noqa: N815
    contact = DetailsField()
    note = NoteField(allow_null=True)
    createdAt = TimeField(source="created_at")  # noqa: N815
    paidAt = TimeField(source="paid_at", allow_null=True)  # noqa: N815
    cancelledAt = TimeField(source="cancelled_at", allow_null=True)  # noqa: N815
    expiresAt = TimeField(  # noqa: N815
        source="expires_at", help_text="An order not paid until then is cancelled."
    )
    returned = ReturnedSerializer(
        allow_null=True, help_text="`null` where nothing went back, or has not yet."
    )


class OrderPageSerializer(PageSerializer):
    """One page of orders."""

    items = OrderSerializer(many=True)


class PaymentEventBody(serializers.Serializer[Any]):
    """What the payment provider tells."""

    id = serializers.CharField(
        max_length=MAX_EVENT_ID_LENGTH, help_text="The event's own; a repeat changes nothing."
    )
    type = serializers.CharField(
        max_length=MAX_REFERENCE_LENGTH, help_text=f"`{PAYMENT_SUCCEEDED}`; others are ignored."
    )
    orderId = serializers.CharField(max_length=MAX_REFERENCE_LENGTH)  # noqa: N815
    amount = serializers.FloatField(min_value=0, max_value=MAX_CENTS / 100)
    currency = serializers.CharField(max_length=CURRENCY_LENGTH)


class PaymentOutcomeSerializer(serializers.Serializer[Any]):
    """What was made of it."""

    outcome = serializers.ChoiceField(
        choices=["paid", "ignored", *_OUTCOME_FLAGS],
        help_text="`paid`, `ignored`, or why the payment was set aside for the staff.",
    )
