"""Payments the provider tells of: signed, taken once per event, and never trusted blindly."""

import hashlib
import hmac
import logging
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from config.stores.database import in_transaction
from orders.errors import InvalidSignature, PaymentEventReused, WebhookDisabled
from orders.lifecycle import pay_order
from orders.models import Order, OrderStatus, Payment, PaymentFlag

logger = logging.getLogger(__name__)

_TIMESTAMP = re.compile(r"t=([0-9]{1,12})", re.ASCII)
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PaymentNotice:
    """What the provider says, by the names of `Payment`: this much was paid for that order."""

    event_id: str
    order_reference: str
    amount: Decimal
    currency: str


def check_signature(*, header: str, body: bytes, now: datetime) -> None:
    """Check `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of "<t>.<body>" with our secret.

    Several v1 may be sent while a secret is being replaced; one must be right. Raises
    InvalidSignature, also where `t` is too far from now; WebhookDisabled without a secret.
    """
    secret = settings.PAYMENT_WEBHOOK_SECRET
    if not secret:
        raise WebhookDisabled
    parts = [part.strip() for part in header.split(",")]
    times = [match[1] for part in parts if (match := _TIMESTAMP.fullmatch(part))]
    if len(times) != 1 or not _is_recent(times[0], now):
        raise InvalidSignature
    expected = sign(secret=secret, timestamp=times[0], body=body)
    signatures = [match[1] for part in parts if (match := _SIGNATURE.fullmatch(part))]
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise InvalidSignature


def sign(*, secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body sent at `timestamp`, in hexadecimal."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def record_payment(*, notice: PaymentNotice, now: datetime) -> Payment:
    """Record a payment once per event, mark its order paid if all is in order, and return it.

    What is not in order is flagged for somebody to look at, and changes nothing else: an order
    that was cancelled stays so, and its stock stays given back. If the event told of another order,
    amount or currency before, this is recorded, and PaymentEventReused is raised.
    """
    payment = _record(notice, now)
    if payment.flag:
        logger.warning("payment %s is set aside: %s", payment.pk, payment.flag)
    if payment.flag == PaymentFlag.EVENT_REUSED:
        raise PaymentEventReused
    return payment


@in_transaction
def _record(notice: PaymentNotice, now: datetime) -> Payment:
    order = Order.objects.select_for_update(no_key=True).filter(pk=notice.order_reference).first()
    told = asdict(notice)
    known: dict[str, Any] = {"order": order, "received_at": now}
    # The event's first notice, which may be this one.
    payment, is_new = Payment.objects.exclude(flag=PaymentFlag.EVENT_REUSED).get_or_create(
        event_id=notice.event_id, defaults=told | known | {"flag": _find_fault(order, notice)}
    )
    if any(getattr(payment, name) != value for name, value in told.items()):
        reused = known | {"flag": PaymentFlag.EVENT_REUSED}
        return Payment.objects.get_or_create(**told, defaults=reused)[0]
    if is_new and not payment.flag:
        pay_order(order_id=payment.order_reference, actor=f"payment:{notice.event_id}", now=now)
    return payment


def _is_recent(timestamp: str, now: datetime) -> bool:
    distance = abs(now.timestamp() - int(timestamp))
    return distance <= settings.PAYMENT_WEBHOOK_TOLERANCE_SECONDS


def _find_fault(order: Order | None, notice: PaymentNotice) -> PaymentFlag:
    if order is None:
        return PaymentFlag.UNKNOWN_ORDER
    if order.status == OrderStatus.CANCELLED:
        return PaymentFlag.ORDER_CANCELLED
    if order.status != OrderStatus.PENDING:
        return PaymentFlag.ALREADY_PAID
    if order.currency != notice.currency:
        return PaymentFlag.WRONG_CURRENCY
    if order.total_amount != notice.amount:
        return PaymentFlag.WRONG_AMOUNT
    return PaymentFlag.NONE
