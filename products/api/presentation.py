"""From products to the JSON of the API."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from config.notation import format_time
from products.bounds import EXTERNAL_ID_LENGTH
from products.feed import FeedPage, FeedProduct
from products.intake import Outcome, Taken
from products.listing import ListedProduct
from products.models import Merchant, Sku

# A fault may quote what was sent, however long that is.
_MAX_REASON_LENGTH = 300


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


def present_feed_page(page: FeedPage) -> dict[str, Any]:
    """Return a page of products in the form of the writing call, so they can be put back."""
    items = [_present_feed_product(each) for each in page.products]
    return {"items": items, "nextCursor": page.next_cursor or None}


def present_results(name: str, entries: Sequence[Any], taken: Sequence[Taken]) -> dict[str, Any]:
    """Return what became of entries; this member of an entry names it."""
    pairs = zip(entries, taken, strict=True)
    return {"results": [_present_result(name, *pair, index) for index, pair in enumerate(pairs)]}


def _present_result(name: str, entry: object, taken: Taken, index: int) -> dict[str, Any]:
    known_as = entry.get(name) if isinstance(entry, dict) else None
    is_name = isinstance(known_as, str) and len(known_as) <= EXTERNAL_ID_LENGTH
    result: dict[str, Any] = {"index": index, name: known_as if is_name else None}
    if taken.outcome == Outcome.FAILED:
        message = taken.reason[:_MAX_REASON_LENGTH]
        return result | {"success": False, "outcome": None, "message": message}
    return result | {"success": True, "outcome": taken.outcome}


def _present_feed_product(listed: FeedProduct) -> dict[str, Any]:
    product = listed.product
    merchant = product.merchant
    return {
        "id": product.id,
        "externalId": product.external_id,
        "name": product.name,
        "description": product.description,
        "images": product.images,
        "merchant": {"externalId": merchant.external_id, "name": merchant.name},
        "status": product.status,
        "translations": product.translations,
        "skus": [_present_feed_sku(sku) for sku in listed.skus],
        "updatedAt": format_time(listed.updated_at),
    }


def _present_feed_sku(sku: Sku) -> dict[str, Any]:
    return {
        "code": sku.code,
        "externalId": sku.external_id,
        "attributes": sku.attributes,
        "price": _present_money(sku.price),
        "originalPrice": _present_money(sku.original_price),
        "stock": sku.stock if sku.tracks_stock else None,
        "tracksStock": sku.tracks_stock,
        "purchaseLimit": sku.purchase_limit,
        "minQuantity": sku.min_quantity,
        "quantityStep": sku.quantity_step,
        "barcode": sku.barcode,
        "isActive": sku.is_active,
    }


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
