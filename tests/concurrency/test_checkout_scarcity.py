"""Many orders of few things, in any order: no deadlock, and every unit is accounted for."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum
from django.utils import timezone

from carts.domain.cart import Cart, CartOwner, Line
from carts.models import Cart as SavedCart
from carts.models import PendingSettlement
from orders.errors import CartInvalid
from orders.models import Order, OrderItem
from orders.selling import OrderDraft, sell
from products.catalogue import read_offers
from products.models import PurchaseTally, Sku
from products.offers import Offer
from tests.factories import SkuFactory
from tests.products.threads import run_together
from tests.steps import HOLD_OFFERS, begin_at_most, replace_step

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
ORDERS_PER_THREAD = 100
UNITS_OF_EACH = 250


def save_empty_carts() -> list[Cart]:
    """Save a cart for each thread's buyer.

    The transaction is what races here, so these are in no other store, which would take its time.
    """
    now = timezone.now()
    buyers = [f"guest-{number:08d}" for number in range(THREADS)]
    SavedCart.objects.bulk_create(
        SavedCart(
            id=f"cart{number}",
            session_id=buyer,
            currency="CNY",
            total_amount=0,
            item_count=0,
            version=1,
            created_at=now,
            updated_at=now,
            expires_at=now,
            saved_at=now,
        )
        for number, buyer in enumerate(buyers)
    )
    return [
        Cart(f"cart{number}", CartOwner.for_guest(buyer), version=1, created_ms=0, updated_ms=0)
        for number, buyer in enumerate(buyers)
    ]


def fill_cart(cart: Cart, skus: Sequence[Sku], dice: random.Random) -> Cart:
    """Return the cart with 1 to 3 of the SKUs in random order, 1 or 2 units of each."""
    chosen = dice.sample(list(skus), dice.randint(1, 3))
    lines = [Line(sku.id, dice.randint(1, 2), True, sku.revision, 0, 0) for sku in chosen]
    return replace(cart, lines=tuple(lines))


def sell_again_and_again(cart: Cart, skus: Sequence[Sku]) -> Counter[str]:
    """Sell one buyer many carts, and return how often that was refused, or went through."""
    outcomes: Counter[str] = Counter()
    dice = random.Random(cart.id)
    for _ in range(ORDERS_PER_THREAD):
        filled = fill_cart(cart, skus, dice)
        try:
            sell(cart=filled, draft=OrderDraft(), now=timezone.now())
        except CartInvalid:
            outcomes["refused"] += 1
        else:
            outcomes["sold"] += 1
            PendingSettlement.objects.filter(owner=cart.owner.key).delete()
    return outcomes


def sell_in_all_threads(skus: Sequence[Sku]) -> list[Counter[str] | BaseException]:
    carts = save_empty_carts()
    return run_together(lambda cart: sell_again_and_again(cart, skus), carts, threads=THREADS)


def count_deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_1600_orders_of_five_scarce_skus_sell_what_there_is() -> None:
    skus = SkuFactory.create_batch(5, stock=UNITS_OF_EACH)
    deadlocks = count_deadlocks()

    outcomes = sell_in_all_threads(skus)

    assert [type(outcome) for outcome in outcomes] == [Counter] * THREADS
    total = sum((outcome for outcome in outcomes if isinstance(outcome, Counter)), Counter[str]())
    assert total.total() == THREADS * ORDERS_PER_THREAD
    assert total["sold"] == Order.objects.count()
    for sku in skus:
        sku.refresh_from_db()
        sold = OrderItem.objects.filter(sku=sku).aggregate(units=Sum("quantity"))["units"]
        tallied = PurchaseTally.objects.filter(sku=sku).aggregate(units=Sum("units"))["units"]
        assert sold + sku.stock == tallied + sku.stock == UNITS_OF_EACH
        assert sku.stock <= 1
    assert count_deadlocks() == deadlocks


def test_locking_in_any_order_deadlocks(monkeypatch: pytest.MonkeyPatch) -> None:
    skus = SkuFactory.create_batch(5, stock=1_000_000)

    def hold_in_any_order(
        *, sku_ids: Sequence[str], buyer: str, also: Sequence[str]
    ) -> dict[str, Offer]:
        for sku_id in sku_ids:
            Sku.objects.select_for_update(no_key=True).get(pk=sku_id)
        return read_offers(sku_ids=sku_ids, buyer=buyer)

    replace_step(monkeypatch, HOLD_OFFERS, hold_in_any_order)
    # Beginning again would hide most deadlocks.
    begin_at_most(monkeypatch, times=1)

    outcomes = sell_in_all_threads(skus)

    assert any("deadlock detected" in str(outcome) for outcome in outcomes)
    assert any(isinstance(outcome, OperationalError) for outcome in outcomes)
