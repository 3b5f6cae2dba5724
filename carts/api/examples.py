"""Answers of the cart's calls as the documentation shows them: real ones, with handy ids."""

from typing import Any

from config.http.openapi import EXAMPLE_TIME

_MERCHANT = {"id": "q7x1m0c4v9k2t8b5n3w6z0ha", "name": "澄明传感 Lumen Sensors"}
_PRODUCT_ID, _SKU_ID = "h2v8k4m1x9c7b3n5w0q6t4zr", "c5n0w8q3t6z1h9v2k7m4x0bd"
_GONE_PRODUCT_ID, _GONE_SKU_ID = "k6d1p9s3f7h2j8l4z0x5c1vb", "n3m7q1w5e9r2t6y0u4i8o3pa"
_CART_ID = "c2f4j8l1n5p9r3t7v0x6z2bd"
ITEM_ID = f"{_CART_ID}_{_SKU_ID}"
GONE_ITEM_ID = f"{_CART_ID}_{_GONE_SKU_ID}"
MISSING_ITEM_ID = f"{_CART_ID}_z9x8c7v6b5n4m3a2s1d0f9g8"
GUEST_ID = "guest-1f3870be274f6c49"

ADDITION: dict[str, Any] = {"productId": _PRODUCT_ID, "skuId": _SKU_ID, "quantity": 2}

LINE: dict[str, Any] = {
    "id": ITEM_ID,
    "cartId": _CART_ID,
    "productId": _PRODUCT_ID,
    "skuId": _SKU_ID,
    "quantity": 2,
    "price": 149.99,
    "totalPrice": 299.98,
    "selected": True,
    "product": {
        "id": _PRODUCT_ID,
        "name": "温湿度传感器 TH-100",
        "description": "瑞士芯片,±0.2 ℃。",
        "price": 149.99,
        "originalPrice": 199.99,
        "stock": 100,
        "images": ["/static/products/demo/th-100.svg"],
        "status": 1,
        "merchant": _MERCHANT,
    },
    "sku": {"id": _SKU_ID, "code": "TH-100-WHT", "attributes": {"颜色": "白"}},
    "extraData": {
        "purchaseLimit": 5,
        "remainingLimit": 5,
        "insufficientStock": False,
        "outOfStock": False,
        "lowStock": False,
        "priceAtAdd": 159.99,
        "priceChange": {"from": 159.99, "to": 149.99, "direction": "down"},
    },
    "createdAt": EXAMPLE_TIME,
    "updatedAt": EXAMPLE_TIME,
}

UNAVAILABLE_LINE: dict[str, Any] = {
    "id": GONE_ITEM_ID,
    "productId": _GONE_PRODUCT_ID,
    "skuId": _GONE_SKU_ID,
    "quantity": 1,
    "selected": True,
    "reason": "out_of_stock",
    "snapshot": {
        "name": "人体传感器 PIR-20",
        "image": "/static/products/demo/pir-20.svg",
        "price": 89.0,
    },
    "extraData": {
        "purchaseLimit": None,
        "remainingLimit": None,
        "insufficientStock": True,
        "outOfStock": True,
        "lowStock": False,
        "priceAtAdd": 89.0,
        "priceChange": None,
    },
    "createdAt": EXAMPLE_TIME,
    "updatedAt": EXAMPLE_TIME,
}

CART: dict[str, Any] = {
    "id": _CART_ID,
    "userId": None,
    "sessionId": GUEST_ID,
    "status": "ACTIVE",
    "currency": "CNY",
    "totalAmount": 299.98,
    "itemCount": 2,
    "selectedCount": 1,
    "selectedAmount": 299.98,
    "items": [LINE],
    "unavailableItems": [UNAVAILABLE_LINE],
    "version": 1767323045678,
    "expiresAt": "2026-02-01T03:04:05.678Z",
    "createdAt": EXAMPLE_TIME,
    "updatedAt": EXAMPLE_TIME,
}

EMPTY_CART = CART | {"items": [], "unavailableItems": [], "itemCount": 0, "selectedCount": 0}
EMPTY_CART |= {"totalAmount": 0.0, "selectedAmount": 0.0}

ADDED_CART = CART | {"list": CART["items"]}

MERGED_CART = CART | {
    "userId": "k3v9mz0q8w2r7t1y5u4x6abc",
    "sessionId": None,
    "list": CART["items"],
    "merge": {
        "strategy": "sum",
        "mergedItems": 2,
        "capped": [
            {"skuId": _SKU_ID, "requested": 7, "quantity": 2, "reason": "purchase_limit_exceeded"}
        ],
        "skipped": [],
        "ordersClaimed": 0,
    },
}

SUMMARY = {"totalAmount": 299.98, "totalItems": 2, "selectedItems": 1, "selectedAmount": 299.98}

VALIDATION = {
    "isValid": False,
    "issues": [
        {
            "itemId": ITEM_ID,
            "productId": _PRODUCT_ID,
            "productName": "温湿度传感器 TH-100",
            "issues": ["Price changed from 159.99 to 149.99"],
            "codes": ["price_changed"],
        },
        {
            "itemId": GONE_ITEM_ID,
            "productId": _GONE_PRODUCT_ID,
            "productName": "人体传感器 PIR-20",
            "issues": ["Out of stock"],
            "codes": ["out_of_stock"],
        },
    ],
    "validItems": [],
    "invalidItemCount": 2,
}

ADD_RESULTS = [
    {"productId": _PRODUCT_ID, "skuId": _SKU_ID, "success": True},
    {
        "productId": _GONE_PRODUCT_ID,
        "skuId": _GONE_SKU_ID,
        "success": False,
        "message": "Insufficient stock",
    },
]

UPDATE_RESULTS = [
    {"itemId": ITEM_ID, "success": True},
    {"itemId": MISSING_ITEM_ID, "success": False, "message": "Item not found"},
]

REMOVAL = {
    "results": [
        {"itemId": GONE_ITEM_ID, "success": True, "message": "Removed successfully"},
        {"itemId": MISSING_ITEM_ID, "success": False, "message": "Item not found"},
    ],
    "cart": CART | {"unavailableItems": []},
    "failedCount": 1,
    "successCount": 1,
}
