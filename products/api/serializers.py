"""The shapes of products in the API's documentation; answers are built by `presentation`."""

from typing import Any

from rest_framework import serializers

from config.http.openapi import PageSerializer
from products.models import ShelfStatus


class MerchantSerializer(serializers.Serializer[Any]):
    """Who sells."""

    id = serializers.CharField()
    name = serializers.CharField()


class SkuSerializer(serializers.Serializer[Any]):
    """One buyable variant of a product."""

    id = serializers.CharField()
    code = serializers.CharField()
    attributes = serializers.DictField(
        child=serializers.CharField(), help_text="What tells it from its siblings."
    )
    price = serializers.FloatField()
    originalPrice = serializers.FloatField(allow_null=True)  # noqa: N815
    stock = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="null where it is not tracked: never sold out."
    )
    purchaseLimit = serializers.IntegerField(  # noqa: N815
        min_value=1, allow_null=True, help_text="The most units one buyer may ever buy."
    )


class ProductSerializer(serializers.Serializer[Any]):
    """A product on shelf."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    price = serializers.FloatField(help_text="The lowest price among its SKUs.")
    originalPrice = serializers.FloatField(  # noqa: N815
        allow_null=True, help_text="The original price of that SKU, if it is reduced."
    )
    stock = serializers.IntegerField(
        min_value=0,
        allow_null=True,
        help_text="The units of all its SKUs; null where one is never sold out.",
    )
    images = serializers.ListField(
        child=serializers.CharField(), help_text="URLs or absolute paths, the main image first."
    )
    status = serializers.IntegerField(
        min_value=ShelfStatus.ON, max_value=ShelfStatus.ON, help_text="1: on shelf."
    )
    merchant = MerchantSerializer()
    skuCount = serializers.IntegerField(min_value=1)  # noqa: N815


class ProductDetailSerializer(ProductSerializer):
    """A product on shelf with its active SKUs."""

    skus = SkuSerializer(many=True)


class ProductPageSerializer(PageSerializer):
    """One page of products."""

    items = ProductSerializer(many=True)


class MerchantPageSerializer(PageSerializer):
    """One page of merchants."""

    items = MerchantSerializer(many=True)
