"""The cart changes between the moment it is read for an order and the moment it is sold."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from carts.live.store import ChangeContext
from carts.models import PendingSettlement
from carts.operations import merging as merge
from carts.operations.settling import settle_order
from carts.permanent.sweep import expire_cart
from orders.models import Order
from orders.settlement import settle_orders
from products.models import Product, Sku
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import Shopper, item_id, new_guest, new_user, quantities_of, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import place_order, refuse_order
from tests.products.rows import read_stock, read_tallies
from tests.steps import (
    BEGIN_MERGE,
    HOLD_COPY,
    READ_TO_SETTLE,
    SAVE_SETTLED,
    SELL,
    TAKE_LINES,
    Step,
    act_before_next,
    leave_unsettled,
    replace_step,
)

pytestmark = pytest.mark.django_db(transaction=True)

Between = Callable[[Callable[[], Any]], None]


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Have something happen once, after an order's cart is read and saved and before it is sold."""

    def happen(action: Callable[[], Any]) -> None:
        act_before_next(monkeypatch, SELL, action)

    return happen


@pytest.fixture(params=[new_guest, new_user], ids=["guest", "user"])
def buyer(request: pytest.FixtureRequest, db: None) -> Shopper:
    made: Shopper = request.param()
    return made


def test_units_added_meanwhile_stay(buyer: Shopper, between: Between) -> None:
    sku, other = SkuFactory.create_batch(2, stock=20)
    buyer.add(sku, 3)
    between(lambda: (buyer.add(sku, 2), buyer.add(other, 1)))

    order = place_order(buyer)

    assert order["itemCount"] == 3
    assert quantities_of(buyer.cart()) == {sku.id: 2, other.id: 1}


def test_units_removed_meanwhile_are_bought_all_the_same(buyer: Shopper, between: Between) -> None:
    sku, other = SkuFactory.create_batch(2, stock=20)
    cart = buyer.add(sku, 3)
    buyer.add(other, 1, selected=False)
    line = f"/cart/item/{item_id(cart, sku)}"
    between(lambda: buyer.data("PUT", line, {"quantity": 1}))

    order = place_order(buyer)

    assert order["itemCount"] == 3
    assert quantities_of(buyer.cart()) == {other.id: 1}


@pytest.mark.parametrize("new_kind", [new_guest, new_user], ids=["guest", "user"])
def test_another_order_placed_meanwhile_leaves_nothing_to_order(
    new_kind: Callable[[], Shopper], between: Between
) -> None:
    sku, buyer = SkuFactory.create(stock=20), new_kind()
    buyer.add(sku, 3)
    between(lambda: place_order(buyer))

    refusal = refuse_order(buyer)

    assert summary_of(refusal) == (400, "nothing_selected", "No items selected")
    assert (Order.objects.count(), read_stock(sku)) == (1, [17])


def test_what_another_order_left_is_ordered(buyer: Shopper, between: Between) -> None:
    first, second = SkuFactory.create_batch(2, stock=20)
    cart = buyer.add(first, 3)
    buyer.add(second, 2)
    between(lambda: place_order(buyer, {"itemIds": [item_id(cart, first)]}))

    order = place_order(buyer)

    assert [item["skuId"] for item in order["items"]] == [second.id]
    assert read_stock(first, second) == [17, 18]


def test_a_cart_that_ended_meanwhile_is_not_bought_again(
    buyer: Shopper, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row keeps its version where the owner's next cart is saved before its end is."""
    sku = SkuFactory.create(stock=20)
    buyer.add(sku, 3)

    def order_and_begin_the_next_cart() -> None:
        act_before_next(monkeypatch, SAVE_SETTLED, lambda: buyer.add(sku, 1))
        place_order(buyer)

    between(order_and_begin_the_next_cart)

    order = place_order(buyer)

    assert order["itemCount"] == 1
    assert read_stock(sku) == [16]


def test_a_guests_cart_that_the_staff_end_meanwhile_is_not_bought(between: Between) -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=20)
    guest.add(sku, 3)
    between(lambda: expire_cart(owner_of(guest)))

    refusal = refuse_order(guest)

    assert summary_of(refusal) == (400, "nothing_selected", "No items selected")
    assert (Order.objects.count(), read_stock(sku)) == (0, [20])


@pytest.mark.parametrize("step", [READ_TO_SETTLE, TAKE_LINES], ids=str)
def test_a_settlement_that_comes_very_late_takes_nothing(
    step: Step, buyer: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then the cart has forgotten the order: it remembers the last few only."""
    sku, kept = SkuFactory.create_batch(2, stock=20)
    buyer.add(kept, 1, selected=False)
    buyer.add(sku, 3)
    with monkeypatch.context() as patch:
        leave_unsettled(patch)
        late = place_order(buyer)

    def order_more() -> None:
        for _ in range(5):
            buyer.add(sku, 1)
            place_order(buyer)
        buyer.add(sku, 4)

    act_before_next(monkeypatch, step, order_more)
    settle_order(order_id=late["id"], context=ChangeContext(source="order"))

    assert quantities_of(buyer.cart()) == {kept.id: 1, sku.id: 4}


CHANGES: list[tuple[Callable[[Sku], Any], str, str]] = [
    (lambda sku: Sku.objects.update(stock=2), "cart_invalid", "insufficient_stock"),
    (lambda sku: Sku.objects.update(stock=0), "cart_invalid", "out_of_stock"),
    (lambda sku: Sku.objects.update(purchase_limit=2), "cart_invalid", "purchase_limit_exceeded"),
    (lambda sku: Product.objects.update(status=0), "cart_invalid", "product_not_available"),
    (lambda sku: Sku.objects.update(is_deleted=True), "cart_invalid", "product_not_available"),
    (lambda sku: Sku.objects.update(price="9.99"), "price_changed", "price_changed"),
]


@pytest.mark.parametrize(("change", "slug", "code"), CHANGES)
def test_what_changes_in_the_catalogue_meanwhile_is_refused(
    buyer: Shopper, between: Between, change: Callable[[Sku], Any], slug: str, code: str
) -> None:
    sku = SkuFactory.create(price="10.00", stock=20)
    buyer.add(sku, 3)
    before = quantities_of(buyer.cart())
    between(lambda: change(sku))

    refusal = refuse_order(buyer, {"expectedTotal": 30.00})

    assert (refusal["code"], refusal["error"]["type"]) == (409, slug)
    assert refusal["data"]["issues"][0]["codes"] == [code]
    assert (Order.objects.count(), read_tallies()) == (0, {})
    assert before == {sku.id: 3}
    assert sum(line["quantity"] for line in all_lines(buyer)) == 3


def sign_in(user: Shopper, guest: Shopper) -> None:
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})


def test_a_guest_who_signs_in_meanwhile_has_the_units_once(between: Between) -> None:
    sku, guest, user = SkuFactory.create(stock=20), new_guest(), new_user()
    guest.add(sku, 3)
    between(lambda: sign_in(user, guest))

    refusal = refuse_order(guest)

    assert summary_of(refusal) == (400, "nothing_selected", "No items selected")
    assert quantities_of(user.cart()) == {sku.id: 3}
    assert (Order.objects.count(), read_stock(sku)) == (0, [20])


def test_without_the_claim_on_the_cart_the_units_are_sold_and_come_along(
    between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku, guest, user = SkuFactory.create(stock=20), new_guest(), new_user()
    guest.add(sku, 3)
    between(lambda: sign_in(user, guest))
    replace_step(monkeypatch, HOLD_COPY, lambda cart: None)

    place_order(guest)

    assert quantities_of(user.cart()) == {sku.id: 3}
    assert read_stock(sku) == [17]


@pytest.fixture
def order_as_merge_begins(monkeypatch: pytest.MonkeyPatch) -> Callable[[Shopper], None]:
    """Have a guest order, unsettled, when their merge has settled all there was."""

    def prepare(guest: Shopper) -> None:
        act_before_next(monkeypatch, BEGIN_MERGE, lambda: place_order(guest))
        leave_unsettled(monkeypatch)

    return prepare


def test_what_a_guest_buys_as_they_sign_in_does_not_come_along(
    order_as_merge_begins: Callable[[Shopper], None],
) -> None:
    bought, kept = SkuFactory.create_batch(2, stock=20)
    guest, user = new_guest(), new_user()
    guest.add(bought, 3)
    guest.add(kept, 1, selected=False)
    order_as_merge_begins(guest)

    sign_in(user, guest)
    settle_orders(now=timezone.now() + timedelta(seconds=10))

    assert quantities_of(user.cart()) == {kept.id: 1}
    assert quantities_of(guest.cart()) == {}
    assert PendingSettlement.objects.count() == 0


def test_without_a_second_look_what_a_guest_buys_as_they_sign_in_comes_along(
    order_as_merge_begins: Callable[[Shopper], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sku, guest, user = SkuFactory.create(stock=20), new_guest(), new_user()
    guest.add(sku, 3)
    order_as_merge_begins(guest)
    monkeypatch.setattr(merge, "leave_out_pending", lambda cart: cart)

    sign_in(user, guest)

    assert quantities_of(user.cart()) == {sku.id: 3}
    assert read_stock(sku) == [17]


def all_lines(buyer: Shopper) -> list[Any]:
    cart = buyer.cart()
    return [*cart["items"], *cart["unavailableItems"]]
