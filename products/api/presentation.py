"""From products to the JSON of the API."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from products.listing import ListedProduct
from products.models import Merchant, Sku


def present_product(listed: ListedProduct) -> dict[str, Any]:
    """Return a product as a list shows it: at its lowest price, with the stock of all its SKUs."""
    product, cheapest = listed.product, listed.cheapest_sku
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "price": _present_money(cheapest.price),
        "originalPrice": _present_money(cheapest.original_price),
        "stock": listed.stock,
        "images": product.images,
        "status": product.status,
        "merchant": present_merchant(product.merchant),
        "skuCount": len(listed.skus),
    }


def present_product_with_skus(listed: ListedProduct) -> dict[str, Any]:
    """Return a product as its own page shows it."""
    return present_product(listed) | {"skus": [_present_sku(sku) for sku in listed.skus]}


def present_merchant(merchant: Merchant) -> Mapping[str, str]:
    """Return a merchant, as lists and products show it."""
    return {"id": merchant.id, "name": merchant.name}


def _present_sku(sku: Sku) -> dict[str, Any]:
    return {
        "id": sku.id,
        "code": sku.code,
        "attributes": sku.attributes,
        "price": _present_money(sku.price),
        "originalPrice": _present_money(sku.original_price),
        "stock": sku.stock if sku.tracks_stock else None,
        "purchaseLimit": sku.purchase_limit,
    }


def _present_money(amount: Decimal | None) -> float | None:
    # A float has digits enough to print any amount of 12 digits just as it was.
    return None if amount is None else float(amount)
