"""One event that tells of two payments at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import pre_save
from django.utils import timezone

from orders.errors import PaymentEventReused
from orders.models import Order, Payment
from orders.payments import PaymentNotice, record_payment
from tests.carts.shopper import new_user
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.products.threads import PATIENCE_SECONDS, run_together

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def both_find_no_payment() -> Iterator[None]:
    """Let nobody write the event's first payment before both have looked for it."""
    both = Barrier(2)

    def wait(instance: Payment, **_: Any) -> None:
        if not instance.flag:
            both.wait(PATIENCE_SECONDS)

    pre_save.connect(wait, Payment)
    try:
        yield
    finally:
        pre_save.disconnect(wait, Payment)


@contextmanager
def without_guard() -> Iterator[None]:
    """Let the database take any number of payments of one event."""
    [guard] = [each for each in Payment._meta.constraints if each.name == "payment_of_event"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Payment, guard)
    try:
        yield
    finally:
        Payment.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Payment, guard)


def tell_of_both_at_once() -> list[Any]:
    """Tell of two orders' payments under one event id; return what became of each."""
    sku = SkuFactory.create(price="10.00")
    notices = [
        PaymentNotice("evt-1", buy(new_user(), sku)["id"], Decimal("10.00"), "CNY")
        for _ in range(2)
    ]
    with both_find_no_payment():
        return run_together(
            lambda notice: record_payment(notice=notice, now=timezone.now()), notices, threads=2
        )


def count_paid() -> int:
    return Order.objects.filter(status="PAID").count()


def test_an_event_pays_one_of_two_orders_and_flags_the_other() -> None:
    outcomes = tell_of_both_at_once()

    assert {type(outcome) for outcome in outcomes} == {Payment, PaymentEventReused}
    assert count_paid() == 1
    assert sorted(Payment.objects.values_list("flag", flat=True)) == ["", "event_reused"]


def test_without_its_constraint_an_event_would_pay_both() -> None:
    with without_guard():
        tell_of_both_at_once()

        assert count_paid() == 2
