"""The shapes of bodies and carts in the documentation.

Bodies are read by `inputs` and answers built by `presentation`; these classes only describe.
"""

from typing import Any, get_args

from django.conf import settings
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from carts.domain.cart import CartStatus
from carts.domain.merging import CapReason, SkipReason, Strategy
from carts.domain.rules import IssueCode, UnavailableReason
from config.http.openapi import name_settings
from config.notation import GUEST_ID_PATTERN


class Quantity(serializers.IntegerField):
    """Units, as a JSON integer. Each serializer makes a field of its own, which reads the limit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=settings.CART_MAX_UNITS_PER_LINE, **options)


class Entries(serializers.ListField):
    """Entries of a batch, or ids."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=settings.CART_MAX_BATCH, **options)


class AdditionBody(serializers.Serializer[Any]):
    """Units to add. Unknown fields are ignored; a `price` never has any effect."""

    productId = serializers.CharField()  # noqa: N815
    quantity = Quantity()
    skuId = serializers.CharField(  # noqa: N815
        required=False, allow_null=True, help_text="May be left out where the product has one SKU."
    )
    selected = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="Left out, a new line is selected and an existing one stays as it is.",
    )


class AdditionBatchBody(serializers.Serializer[Any]):
    """Additions; those of one SKU are judged by their sum."""

    items = Entries(child=AdditionBody())


class UpdateBody(serializers.Serializer[Any]):
    """What to set; at least one of both."""

    quantity = Quantity(required=False, help_text="Absolute.")
    selected = serializers.BooleanField(required=False)


class BatchUpdateBody(UpdateBody):
    """What to set of one line."""

    itemId = serializers.CharField()  # noqa: N815


class UpdateBatchBody(serializers.Serializer[Any]):
    """Updates, under either name; of two for one line the later counts."""

    items = Entries(child=BatchUpdateBody(), required=False)
    list = Entries(child=BatchUpdateBody(), required=False, help_text="The same as `items`.")


class ItemIdsBody(serializers.Serializer[Any]):
    """Lines."""

    itemIds = Entries(child=serializers.CharField())  # noqa: N815


class SelectionBody(serializers.Serializer[Any]):
    """Some lines, one merchant's lines, or every line; the first of these that is given counts."""

    selected = serializers.BooleanField()
    itemIds = Entries(child=serializers.CharField(), required=False, allow_null=True)  # noqa: N815
    merchantId = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    all = serializers.BooleanField(required=False, help_text="Only `true` means anything.")


class AcknowledgeBody(serializers.Serializer[Any]):
    """Lines whose live price the buyer has seen; all of them where this is left out."""

    itemIds = Entries(child=serializers.CharField(), required=False, allow_null=True)  # noqa: N815


class MergeBody(serializers.Serializer[Any]):
    """Whose lines to take over, and how many units of SKUs that are in both carts."""

    guestSessionId = serializers.RegexField(f"^{GUEST_ID_PATTERN}$")  # noqa: N815
    strategy = serializers.ChoiceField(
        choices=get_args(Strategy),
        required=False,
        allow_null=True,
        help_text=name_settings("Default: `{settings.CART_MERGE_STRATEGY}`."),
    )


class CartProduct(serializers.Serializer[Any]):
    """A product as the line's SKU has it, live."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    price = serializers.FloatField()
    originalPrice = serializers.FloatField(allow_null=True)  # noqa: N815
    stock = serializers.IntegerField(min_value=1)
    images = serializers.ListField(child=serializers.CharField())
    status = serializers.IntegerField()
    merchant = inline_serializer(
        "LineMerchant", {"id": serializers.CharField(), "name": serializers.CharField()}
    )


class CartSku(serializers.Serializer[Any]):
    """The SKU of a line."""

    id = serializers.CharField()
    code = serializers.CharField()
    attributes = serializers.DictField(child=serializers.CharField())


class Notices(serializers.Serializer[Any]):
    """What a buyer should know of a line. Limits are per buyer, in units."""

    purchaseLimit = serializers.IntegerField(min_value=1, allow_null=True)  # noqa: N815
    remainingLimit = serializers.IntegerField(  # noqa: N815
        min_value=0, allow_null=True, help_text="The limit less what this buyer has bought."
    )
    insufficientStock = serializers.BooleanField()  # noqa: N815
    outOfStock = serializers.BooleanField()  # noqa: N815
    lowStock = serializers.BooleanField()  # noqa: N815
    priceAtAdd = serializers.FloatField()  # noqa: N815
    priceChange = inline_serializer(  # noqa: N815
        "PriceChange",
        {
            "from": serializers.FloatField(),
            "to": serializers.FloatField(),
            "direction": serializers.ChoiceField(choices=["up", "down"]),
        },
        allow_null=True,
    )


class _Item(serializers.Serializer[Any]):
    """What every line has."""

    id = serializers.CharField()
    productId = serializers.CharField()  # noqa: N815
    skuId = serializers.CharField()  # noqa: N815
    quantity = Quantity()
    selected = serializers.BooleanField()
    extraData = Notices()  # noqa: N815
    createdAt = serializers.DateTimeField()  # noqa: N815
    updatedAt = serializers.DateTimeField()  # noqa: N815


class CartItem(_Item):
    """A line that can be bought."""

    cartId = serializers.CharField()  # noqa: N815
    price = serializers.FloatField(help_text="Of one unit, now.")
    totalPrice = serializers.FloatField()  # noqa: N815
    product = CartProduct()
    sku = CartSku()


class LineSnapshot(serializers.Serializer[Any]):
    """What a line's SKU was when it was added."""

    name = serializers.CharField(allow_blank=True)
    image = serializers.CharField(allow_blank=True)
    price = serializers.FloatField()


class UnavailableItem(_Item):
    """A line that cannot be bought now. It counts in no total, and returns by itself."""

    reason = serializers.ChoiceField(choices=get_args(UnavailableReason))
    snapshot = LineSnapshot()


class CartResponse(serializers.Serializer[Any]):
    """A cart. Totals count the lines that are selected and can be bought."""

    id = serializers.CharField()
    userId = serializers.CharField(allow_null=True)  # noqa: N815
    sessionId = serializers.CharField(allow_null=True)  # noqa: N815
    status = serializers.ChoiceField(choices=get_args(CartStatus))
    currency = serializers.CharField()
    totalAmount = serializers.FloatField()  # noqa: N815
    itemCount = serializers.IntegerField(min_value=0, help_text="In units.")  # noqa: N815
    selectedCount = serializers.IntegerField(min_value=0, help_text="In lines.")  # noqa: N815
    selectedAmount = serializers.FloatField()  # noqa: N815
    items = CartItem(many=True)
    unavailableItems = UnavailableItem(many=True)  # noqa: N815
    version = serializers.IntegerField(min_value=0, help_text="Grows with every change.")
    expiresAt = serializers.DateTimeField()  # noqa: N815
    createdAt = serializers.DateTimeField()  # noqa: N815
    updatedAt = serializers.DateTimeField()  # noqa: N815


class ListedCartResponse(CartResponse):
    """A cart with its items once more as `list`, for older clients."""

    list = CartItem(many=True)


class SkippedLineSerializer(serializers.Serializer[Any]):
    """A guest's line that could not be taken over."""

    skuId = serializers.CharField()  # noqa: N815
    requested = serializers.IntegerField(min_value=1)
    reason = serializers.ChoiceField(choices=get_args(SkipReason))


class CappedLineSerializer(SkippedLineSerializer):
    """A line that got fewer units than the strategy asked for."""

    quantity = serializers.IntegerField(min_value=1)
    reason = serializers.ChoiceField(choices=get_args(CapReason))


class MergeReport(serializers.Serializer[Any]):
    """What a merge did; `mergedItems` counts lines."""

    strategy = serializers.ChoiceField(choices=get_args(Strategy))
    mergedItems = serializers.IntegerField(min_value=0)  # noqa: N815
    capped = CappedLineSerializer(many=True)
    skipped = SkippedLineSerializer(many=True)
    ordersClaimed = serializers.IntegerField(  # noqa: N815
        min_value=0, help_text="Orders of the guest that are the user's now."
    )


class MergedCartResponse(ListedCartResponse):
    """The user's cart after a merge."""

    merge = MergeReport()


class CartSummary(serializers.Serializer[Any]):
    """What the selected lines that can be bought come to."""

    totalAmount = serializers.FloatField()  # noqa: N815
    totalItems = serializers.IntegerField(min_value=0, help_text="In units.")  # noqa: N815
    selectedItems = serializers.IntegerField(min_value=0, help_text="In lines.")  # noqa: N815
    selectedAmount = serializers.FloatField()  # noqa: N815


class LineIssues(serializers.Serializer[Any]):
    """What is wrong with a line: sentences for people, and as many codes for programs."""

    itemId = serializers.CharField()  # noqa: N815
    productId = serializers.CharField()  # noqa: N815
    productName = serializers.CharField()  # noqa: N815
    issues = serializers.ListField(child=serializers.CharField())
    codes = serializers.ListField(child=serializers.ChoiceField(choices=get_args(IssueCode)))


class CartValidation(serializers.Serializer[Any]):
    """The lines with an issue, and those without."""

    isValid = serializers.BooleanField()  # noqa: N815
    issues = LineIssues(many=True)
    validItems = CartItem(many=True)  # noqa: N815
    invalidItemCount = serializers.IntegerField(min_value=0)  # noqa: N815
