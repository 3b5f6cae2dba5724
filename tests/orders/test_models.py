"""What the database itself refuses, whoever writes."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.notation import MAX_CENTS
from orders.models import Order, OrderItem, Payment
from tests.carts.shopper import Shopper
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db

NOW = timezone.now()
GREATEST = Decimal(MAX_CENTS) / 100
ORDER_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("order_status_known", {"status": "LOST"}),
    ("order_total_not_negative", {"total_amount": -1}),
    ("order_total_bounded", {"total_amount": GREATEST + Decimal("0.01")}),
    ("order_has_units", {"item_count": 0}),
    ("order_paid_at_when_paid", {"status": "PAID"}),
    ("order_paid_at_when_paid", {"paid_at": NOW}),
    ("order_cancelled_at_when_cancelled", {"status": "CANCELLED"}),
    ("order_cancelled_at_when_cancelled", {"cancelled_at": NOW}),
    ("order_line_return_known", {"line_return": "DUE"}),
    ("order_buyer_is_user_or_guest", {"user": None}),
    ("order_buyer_is_user_or_guest", {"buyer": "user:somebody"}),
    ("order_buyer_is_user_or_guest", {"buyer": "guest:12345678"}),
]


@pytest.mark.parametrize(("constraint", "fault"), ORDER_FAULTS)
def test_an_order_cannot_be_made_inconsistent(
    user: Shopper, constraint: str, fault: dict[str, Any]
) -> None:
    buy(user, SkuFactory.create())

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Order.objects.update(**fault)


@pytest.mark.parametrize(
    ("constraint", "fault"),
    [("orderitem_has_units", {"quantity": 0}), ("orderitem_price_not_negative", {"price": -1})],
)
def test_an_item_cannot_be_made_inconsistent(
    user: Shopper, constraint: str, fault: dict[str, Any]
) -> None:
    buy(user, SkuFactory.create())

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        OrderItem.objects.update(**fault)


@pytest.mark.parametrize(
    ("constraint", "fault"),
    [
        ("payment_flag_known", {"flag": "odd"}),
        ("payment_of_unknown_order_is_flagged", {"flag": ""}),
        ("payment_amount_not_negative", {"amount": -1}),
        ("payment_amount_bounded", {"amount": GREATEST + Decimal("0.01")}),
    ],
)
def test_a_payment_cannot_be_made_inconsistent(constraint: str, fault: dict[str, Any]) -> None:
    Payment.objects.create(
        event_id="e1",
        order_reference="x",
        amount=1,
        currency="CNY",
        flag="unknown_order",
        received_at=NOW,
    )

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Payment.objects.update(**fault)
