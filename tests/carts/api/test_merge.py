"""POST /api/cart/merge: a guest's lines move into a user's cart."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import override_settings

from products.models import Product, PurchaseTally, Sku
from tests.carts.shopper import (
    Shopper,
    addition_of,
    line_of,
    new_guest,
    new_user,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def merge(user: Shopper, guest: Shopper, **body: Any) -> Any:
    return user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id} | body)


def test_a_guests_lines_move_into_the_users_cart(guest: Shopper, user: Shopper) -> None:
    mine, both, theirs = SkuFactory.create_batch(3)
    user.add(mine, 1)
    user.add(both, 2)
    guest.add(theirs, 3)
    guest.add(both, 4)

    response = user.call("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    envelope = response.json()
    cart = envelope["data"]
    assert (envelope["code"], envelope["message"]) == (200, "Cart merged successfully")
    assert list(quantities_of(cart).items()) == [(mine.id, 1), (both.id, 6), (theirs.id, 3)]
    assert cart["merge"] == {
        "strategy": "sum",
        "mergedItems": 2,
        "capped": [],
        "skipped": [],
        "ordersClaimed": 0,
    }
    assert cart["list"] == cart["items"]
    assert cart == user.cart() | {"list": cart["list"], "merge": cart["merge"]}


def test_afterwards_the_guests_cart_is_empty(guest: Shopper, user: Shopper) -> None:
    before = guest.add(SkuFactory.create())

    merge(user, guest)

    after = guest.cart()
    assert (after["items"], after["unavailableItems"], after["itemCount"]) == ([], [], 0)
    assert after["id"] == before["id"]
    assert after["version"] > before["version"]


def test_the_guest_may_start_anew_and_merge_again(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    merge(user, guest)
    guest.add(sku, 3)

    cart = merge(user, guest)

    assert quantities_of(cart) == {sku.id: 5}
    assert guest.cart()["items"] == []


@pytest.mark.parametrize(
    ("strategy", "quantity", "selected"),
    [("sum", 7, True), ("guest_wins", 2, True), ("user_wins", 5, False), ("max", 5, True)],
)
def test_strategies_differ_for_skus_in_both_carts(
    guest: Shopper, user: Shopper, strategy: str, quantity: int, selected: bool
) -> None:
    mine, both, theirs = SkuFactory.create_batch(3)
    user.add(mine, 1)
    user.add(both, 5, selected=False)
    guest.add(both, 2)
    guest.add(theirs, 3, selected=False)

    cart = merge(user, guest, strategy=strategy)

    assert quantities_of(cart) == {mine.id: 1, both.id: quantity, theirs.id: 3}
    assert line_of(cart, both)["selected"] is selected
    assert line_of(cart, theirs)["selected"] is False
    assert cart["merge"]["strategy"] == strategy


@pytest.mark.parametrize("body", [{}, {"strategy": None}])
def test_the_default_strategy_is_a_setting(
    guest: Shopper, user: Shopper, body: dict[str, Any]
) -> None:
    sku = SkuFactory.create()
    user.add(sku, 5)
    guest.add(sku, 2)

    with override_settings(CART_MERGE_STRATEGY="max"):
        cart = merge(user, guest, **body)

    assert cart["merge"]["strategy"] == "max"
    assert quantities_of(cart) == {sku.id: 5}


@dataclass
class Cap:
    """A SKU, what both carts hold of it, and what the merge tells of it."""

    fields: dict[str, Any]
    mine: int
    theirs: int
    quantity: int
    reason: str
    bought: int = 0


CAPS = {
    "stock": Cap({"stock": 5}, 3, 4, 5, "insufficient_stock"),
    "stock of a new line": Cap({"stock": 2}, 0, 4, 2, "insufficient_stock"),
    "limit": Cap({"purchase_limit": 5}, 3, 4, 5, "purchase_limit_exceeded"),
    "limit and past purchases": Cap(
        {"purchase_limit": 5}, 1, 3, 3, "purchase_limit_exceeded", bought=2
    ),
    "units of a line": Cap({"stock": 20_000}, 9_000, 1_000, 9_999, "line_limit"),
}


@pytest.mark.parametrize("kind", CAPS)
def test_quantities_are_capped_instead_of_failing(guest: Shopper, user: Shopper, kind: str) -> None:
    cap = CAPS[kind]
    sku = SkuFactory.create(stock=20_000)
    if cap.mine:
        user.add(sku, cap.mine)
    guest.add(sku, cap.theirs)
    Sku.objects.filter(pk=sku.pk).update(**cap.fields)
    PurchaseTally.objects.create(sku=sku, buyer=f"user:{user.owner_id}", units=cap.bought)

    cart = merge(user, guest)

    assert quantities_of(cart) == {sku.id: cap.quantity}
    assert cart["merge"]["mergedItems"] == 1
    assert cart["merge"]["capped"] == [
        {
            "skuId": sku.id,
            "requested": cap.mine + cap.theirs,
            "quantity": cap.quantity,
            "reason": cap.reason,
        }
    ]
    assert guest.cart()["items"] == []


@pytest.mark.parametrize(
    ("fate", "reason"),
    [({"stock": 0}, "out_of_stock"), ({"is_active": False}, "off_shelf")],
    ids=["stock 0", "inactive"],
)
def test_what_cannot_be_bought_now_is_kept(
    guest: Shopper, user: Shopper, fate: dict[str, Any], reason: str
) -> None:
    sku = SkuFactory.create(price="5.00")
    user.add(sku, 2)
    guest.add(sku, 3)
    Sku.objects.filter(pk=sku.pk).update(**fate)

    cart = merge(user, guest)

    [line] = cart["unavailableItems"]
    assert (line["quantity"], line["reason"]) == (5, reason)
    assert cart["merge"] == {
        "strategy": "sum",
        "mergedItems": 1,
        "capped": [],
        "skipped": [],
        "ordersClaimed": 0,
    }


def test_a_line_without_any_allowance_left_is_skipped(guest: Shopper, user: Shopper) -> None:
    used_up, other = SkuFactory.create(purchase_limit=2), SkuFactory.create()
    PurchaseTally.objects.create(sku=used_up, buyer=f"user:{user.owner_id}", units=2)
    guest.add(used_up, 2)
    guest.add(other)

    cart = merge(user, guest)

    assert quantities_of(cart) == {other.id: 1}
    assert cart["merge"]["skipped"] == [
        {"skuId": used_up.id, "requested": 2, "reason": "purchase_limit_exceeded"}
    ]
    assert guest.cart()["items"] == []


@override_settings(CART_MAX_LINES=3)
def test_a_line_without_a_place_in_the_cart_is_skipped(guest: Shopper, user: Shopper) -> None:
    mine = SkuFactory.create_batch(2)
    theirs = SkuFactory.create_batch(2)
    for sku in mine:
        user.add(sku)
    for sku in theirs:
        guest.add(sku)
    guest.add(mine[0])

    cart = merge(user, guest)

    assert quantities_of(cart) == {mine[0].id: 2, mine[1].id: 1, theirs[0].id: 1}
    assert cart["merge"]["mergedItems"] == 2
    assert cart["merge"]["skipped"] == [
        {"skuId": theirs[1].id, "requested": 1, "reason": "cart_full"}
    ]


def test_a_line_keeps_the_price_at_which_it_was_added(guest: Shopper, user: Shopper) -> None:
    both, theirs = SkuFactory.create_batch(2, price="5.00")
    guest.add(theirs)
    user.add(both)
    Sku.objects.update(price="7.00")
    guest.add(both)

    cart = merge(user, guest)

    prices = [line_of(cart, sku)["extraData"]["priceAtAdd"] for sku in (both, theirs)]
    assert prices == [5, 5]


def test_merging_again_changes_nothing(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    merge(user, guest)

    with unchanged(guest, user):
        cart = merge(user, guest)

    assert cart["merge"] == {
        "strategy": "sum",
        "mergedItems": 0,
        "capped": [],
        "skipped": [],
        "ordersClaimed": 0,
    }
    assert quantities_of(cart) == {sku.id: 2}


def test_merging_an_id_without_a_cart_changes_nothing(user: Shopper) -> None:
    user.add(SkuFactory.create())
    nobody = new_guest()

    with unchanged(nobody, user):
        cart = merge(user, nobody)

    assert cart["merge"]["mergedItems"] == 0


def test_a_merge_into_a_cart_that_does_not_exist_starts_it(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    empty = user.cart()

    cart = merge(user, guest)

    assert (cart["id"], quantities_of(cart)) == (empty["id"], {sku.id: 1})


def test_a_second_user_gets_nothing(guest: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    first, second = new_user(), new_user()

    merge(first, guest)
    cart = merge(second, guest)

    assert (cart["items"], cart["merge"]["mergedItems"]) == ([], 0)
    assert quantities_of(first.cart()) == {sku.id: 2}


@pytest.mark.parametrize("size", [1, 60])
def test_a_guests_order_is_kept(guest: Shopper, user: Shopper, size: int) -> None:
    skus = SkuFactory.create_batch(size, product=ProductFactory.create())
    guest.data("POST", "/cart/batch", {"items": [addition_of(sku) for sku in reversed(skus)]})

    cart = merge(user, guest)

    assert [line["skuId"] for line in cart["items"]] == [sku.id for sku in reversed(skus)]


def test_a_merge_needs_a_token(guest: Shopper) -> None:
    guest.add(SkuFactory.create())

    with unchanged(guest):
        response = guest.call("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "not_authenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "guest_id", [None, "", 7, ["guest-12345678"], "short", "a" * 129, "user:123456", "g*est-1234"]
)
def test_the_guest_must_be_named(user: Shopper, guest_id: Any) -> None:
    user.add(SkuFactory.create())

    with unchanged(user):
        refusal = user.refusal("POST", "/cart/merge", {"guestSessionId": guest_id})

    assert summary_of(refusal) == (400, "invalid_guest_id", "Invalid guest ID")


@pytest.mark.parametrize("strategy", ["", "SUM", "min", 1, True, ["sum"], {}])
def test_an_unknown_strategy_is_refused(guest: Shopper, user: Shopper, strategy: Any) -> None:
    guest.add(SkuFactory.create())

    with unchanged(guest, user):
        refusal = user.refusal(
            "POST", "/cart/merge", {"guestSessionId": guest.owner_id, "strategy": strategy}
        )

    assert summary_of(refusal) == (
        400,
        "invalid_strategy",
        "Strategy must be one of sum, guest_wins, user_wins, max",
    )


def test_a_user_cannot_merge_a_users_cart(user: Shopper) -> None:
    other = new_user()
    other.add(SkuFactory.create())

    with unchanged(other, user):
        cart = user.data("POST", "/cart/merge", {"guestSessionId": other.owner_id})

    assert cart["merge"]["mergedItems"] == 0


def test_lines_of_a_product_that_went_off_shelf_come_back_in_the_users_cart(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    Product.objects.update(status=0)
    merge(user, guest)

    Product.objects.update(status=1)

    assert quantities_of(user.cart()) == {sku.id: 2}
