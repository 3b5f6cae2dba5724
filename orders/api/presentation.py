"""From orders to the JSON of the API."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from config.notation import format_time
from orders.models import Order, OrderItem


def present_order(order: Order, items: Iterable[OrderItem]) -> dict[str, Any]:
    """Return an order with its items as they were sold."""
    return {
        "id": order.id,
        "orderNumber": order.number,
        "status": order.status,
        "totalAmount": _present_money(order.total_amount),
        "currency": order.currency,
        "itemCount": order.item_count,
        "items": [_present_item(item) for item in items],
        "shippingAddress": order.shipping_address,
        "contact": order.contact,
        "note": order.note or None,
        "createdAt": format_time(order.created_at),
        "paidAt": _present_time(order.paid_at),
        "cancelledAt": _present_time(order.cancelled_at),
        "expiresAt": format_time(order.expires_at),
        "returned": order.returned,
    }


def _present_item(item: OrderItem) -> dict[str, Any]:
    return {
        # Not the row's number, which would tell how much the shop sells.
        "id": f"{item.order_id}_{item.sku_id}",
        "productId": item.product_id,
        "skuId": item.sku_id,
        "skuCode": item.sku_code,
        "name": item.name,
        "image": item.image,
        "price": _present_money(item.price),
        "quantity": item.quantity,
        "totalPrice": _present_money(item.price * item.quantity),
        "merchant": {"id": item.merchant_id, "name": item.merchant_name},
    }


def _present_money(amount: Decimal) -> float:
    return float(amount)


def _present_time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
