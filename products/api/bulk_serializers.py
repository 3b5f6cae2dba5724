"""The shapes of the bulk calls in the API's documentation; bodies are read by `bulk_inputs`."""

from typing import Any

from rest_framework import serializers

from products.api.bulk_inputs import MAX_NOTE_LENGTH, MAX_PRODUCTS, MAX_SKUS
from products.bounds import (
    CODE_LENGTH,
    EXTERNAL_ID_LENGTH,
    MAX_PRICE,
    MAX_QUANTITY_RULE,
    MAX_STOCK,
    NAME_LENGTH,
)
from products.exchange.parsing import MAX_DESCRIPTION_LENGTH, MAX_IMAGES
from products.exchange.parsing import MAX_SKUS as MAX_SKUS_OF_PRODUCT
from products.intake import Outcome
from products.models import StockReason

_OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}
_PRICE: dict[str, Any] = {"min_value": 0, "max_value": float(MAX_PRICE)}
_RULE: dict[str, Any] = {"min_value": 1, "max_value": MAX_QUANTITY_RULE} | _OPTIONAL


def _list(child: serializers.Serializer[Any], most: int, **options: Any) -> Any:
    return serializers.ListSerializer(child=child, min_length=1, max_length=most, **options)


class MerchantEntrySerializer(serializers.Serializer[Any]):
    """Who sells: known by the external id where there is one, else by name."""

    externalId = serializers.CharField(max_length=EXTERNAL_ID_LENGTH, **_OPTIONAL)  # noqa: N815
    name = serializers.CharField(max_length=200)


class SkuEntrySerializer(serializers.Serializer[Any]):
    """One buyable variant, known by its code."""

    code = serializers.CharField(max_length=CODE_LENGTH)
    externalId = serializers.CharField(max_length=EXTERNAL_ID_LENGTH, **_OPTIONAL)  # noqa: N815
    attributes = serializers.DictField(child=serializers.CharField(), **_OPTIONAL)
    price = serializers.FloatField(**_PRICE)
    originalPrice = serializers.FloatField(**_PRICE, **_OPTIONAL)  # noqa: N815
    stock = serializers.IntegerField(
        min_value=0, max_value=MAX_STOCK, help_text="Left out, it stays as it is.", **_OPTIONAL
    )
    tracksStock = serializers.BooleanField(**_OPTIONAL)  # noqa: N815
    purchaseLimit = serializers.IntegerField(min_value=1, **_OPTIONAL)  # noqa: N815
    minQuantity = serializers.IntegerField(**_RULE)  # noqa: N815
    quantityStep = serializers.IntegerField(**_RULE)  # noqa: N815
    barcode = serializers.CharField(max_length=CODE_LENGTH, allow_blank=True, **_OPTIONAL)
    isActive = serializers.BooleanField(**_OPTIONAL)  # noqa: N815


class ProductEntrySerializer(serializers.Serializer[Any]):
    """A product, known by its external id, with all or some of its SKUs."""

    externalId = serializers.CharField(max_length=EXTERNAL_ID_LENGTH)  # noqa: N815
    name = serializers.CharField(max_length=NAME_LENGTH)
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION_LENGTH, allow_blank=True, **_OPTIONAL
    )
    images = serializers.ListField(
        child=serializers.CharField(), max_length=MAX_IMAGES, **_OPTIONAL
    )
    merchant = MerchantEntrySerializer(**_OPTIONAL)
    status = serializers.IntegerField(
        min_value=0, max_value=1, help_text="1: on shelf, 0: off shelf.", **_OPTIONAL
    )
    translations = serializers.DictField(
        child=serializers.DictField(),
        help_text="By language tag: `name`, `description`, and words of `attributes`.",
        **_OPTIONAL,
    )
    skus = _list(SkuEntrySerializer(), MAX_SKUS_OF_PRODUCT)


class FeedProductSerializer(ProductEntrySerializer):
    """A product as it is written; `externalId` is null where it came from no other system."""

    id = serializers.CharField()
    externalId = serializers.CharField(allow_null=True)  # noqa: N815
    skus = SkuEntrySerializer(many=True)
    updatedAt = serializers.DateTimeField()  # noqa: N815


class FeedPageSerializer(serializers.Serializer[Any]):
    """Some products in the order of their ids."""

    items = FeedProductSerializer(many=True)
    nextCursor = serializers.CharField(allow_null=True, help_text="Null at the end.")  # noqa: N815


class ProductsBody(serializers.Serializer[Any]):
    """Products to be added or changed."""

    products = _list(ProductEntrySerializer(), MAX_PRODUCTS)


class LevelSerializer(serializers.Serializer[Any]):
    """What a SKU's stock is."""

    code = serializers.CharField(max_length=CODE_LENGTH)
    stock = serializers.IntegerField(min_value=0, max_value=MAX_STOCK)


class DeltaSerializer(serializers.Serializer[Any]):
    """The units to be added to a SKU's stock, or taken out where negative."""

    code = serializers.CharField(max_length=CODE_LENGTH)
    units = serializers.IntegerField(min_value=-MAX_STOCK, max_value=MAX_STOCK)


class StockBody(serializers.Serializer[Any]):
    """Either `levels` or `deltas`."""

    levels = _list(LevelSerializer(), MAX_SKUS, required=False)
    deltas = _list(DeltaSerializer(), MAX_SKUS, required=False)
    reason = serializers.ChoiceField(
        choices=StockReason.values, default=StockReason.CORRECTION.value
    )
    note = serializers.CharField(max_length=MAX_NOTE_LENGTH, allow_blank=True, **_OPTIONAL)


class PriceSerializer(serializers.Serializer[Any]):
    """What a SKU costs."""

    code = serializers.CharField(max_length=CODE_LENGTH)
    price = serializers.FloatField(**_PRICE)
    originalPrice = serializers.FloatField(**_PRICE, **_OPTIONAL)  # noqa: N815


class PricesBody(serializers.Serializer[Any]):
    """Prices to be set."""

    prices = _list(PriceSerializer(), MAX_SKUS)


class _ResultSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(min_value=0, help_text="The entry's place, from 0.")
    success = serializers.BooleanField()
    outcome = serializers.ChoiceField(
        choices=[each for each in Outcome if each != Outcome.FAILED], allow_null=True
    )
    message = serializers.CharField(required=False, help_text="Why the entry failed.")


class ProductResultSerializer(_ResultSerializer):
    """What became of a product."""

    externalId = serializers.CharField(allow_null=True)  # noqa: N815


class CodeResultSerializer(_ResultSerializer):
    """What became of an entry for a SKU."""

    code = serializers.CharField(allow_null=True)


class ProductResultsSerializer(serializers.Serializer[Any]):
    """What became of each product."""

    results = ProductResultSerializer(many=True)


class CodeResultsSerializer(serializers.Serializer[Any]):
    """What became of each entry."""

    results = CodeResultSerializer(many=True)
