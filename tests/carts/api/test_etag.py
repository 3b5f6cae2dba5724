"""ETag, If-None-Match and If-Match."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from products.models import Sku
from tests.carts.shopper import (
    Shopper,
    addition_of,
    item_id,
    new_guest,
    quantities_of,
    read_refusal,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def etag_of(shopper: Shopper) -> str:
    return shopper.call("GET", "/cart")["ETag"]


def test_a_cart_has_an_etag_that_stays_while_nothing_changes(shopper: Shopper) -> None:
    cart = shopper.add(SkuFactory.create())

    first, second = etag_of(shopper), etag_of(shopper)

    assert first == second
    assert re.fullmatch(rf'"{cart["version"]}-[0-9a-f]{{8}}"', first)


def test_a_cart_that_does_not_exist_has_a_steady_etag_too(shopper: Shopper) -> None:
    assert etag_of(shopper) == etag_of(shopper)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', " {} ", "*"])
def test_a_copy_that_is_still_good_gets_a_304_without_a_body(shopper: Shopper, form: str) -> None:
    shopper.add(SkuFactory.create())
    etag = etag_of(shopper)

    response = shopper.call("GET", "/cart", If_None_Match=form.format(etag))

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "no-store"
    assert "Content-Type" not in response


def test_a_copy_that_has_gone_stale_gets_the_cart(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    etag = etag_of(shopper)
    shopper.add(sku)

    response = shopper.call("GET", "/cart", If_None_Match=etag)

    assert response.status_code == 200
    assert response["ETag"] != etag


@pytest.mark.parametrize(
    "change", [{"price": "1.00"}, {"stock": 0}, {"stock": 99}, {"is_active": False}], ids=str
)
def test_a_change_in_the_catalogue_makes_a_copy_stale_too(
    shopper: Shopper, change: dict[str, Any]
) -> None:
    shopper.add(SkuFactory.create())
    etag = etag_of(shopper)

    Sku.objects.update(**change)

    assert shopper.call("GET", "/cart", If_None_Match=etag).status_code == 200


def test_two_empty_carts_are_not_taken_for_each_other(guest: Shopper) -> None:
    etag = etag_of(new_guest())

    assert guest.call("GET", "/cart", If_None_Match=etag).status_code == 200


def test_every_cart_answer_carries_the_etag_of_the_cart(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    added = shopper.call("POST", "/cart", addition_of(sku))
    named = item_id(shopper.cart(), sku)

    answers = [
        added,
        shopper.call("POST", "/cart/batch", {"items": [addition_of(sku)]}),
        shopper.call("PUT", f"/cart/item/{named}", {"quantity": 4}),
        shopper.call("PUT", "/cart/batch", {"items": [{"itemId": named, "quantity": 5}]}),
        shopper.call("PUT", "/cart/selection", {"all": True, "selected": False}),
        shopper.call("POST", "/cart/acknowledge"),
        shopper.call("PUT", "/cart/batch", {"items": [{"itemId": "no", "quantity": 5}]}),
        shopper.call("DELETE", "/cart/batch", {"itemIds": [named, "no"]}),
        shopper.call("DELETE", "/cart/clear"),
    ]

    versions = [int(answer["ETag"].strip('"').partition("-")[0]) for answer in answers]
    assert versions == sorted(versions)
    assert answers[-1]["ETag"] == etag_of(shopper)


Write = Callable[[Shopper, Any, Sku, str], Any]


def add(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call("POST", "/cart", addition_of(sku), If_Match=etag)


def add_once(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call(
        "POST", "/cart", addition_of(sku), If_Match=etag, Idempotency_Key=f"once {etag}"
    )


def add_batch(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    body = {"items": [addition_of(sku)]}
    return shopper.call("POST", "/cart/batch", body, If_Match=etag)


def update(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    path = f"/cart/item/{item_id(cart, sku)}"
    return shopper.call("PUT", path, {"quantity": 9}, If_Match=etag)


def update_batch(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    body = {"items": [{"itemId": item_id(cart, sku), "quantity": 9}]}
    return shopper.call("PUT", "/cart/batch", body, If_Match=etag)


def select(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    body = {"itemIds": [item_id(cart, sku)], "selected": False}
    return shopper.call("PUT", "/cart/selection", body, If_Match=etag)


def select_merchant(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    body = {"merchantId": sku.product.merchant_id, "selected": False}
    return shopper.call("PUT", "/cart/selection", body, If_Match=etag)


def select_all(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call("PUT", "/cart/selection", {"all": True, "selected": False}, If_Match=etag)


def acknowledge(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call("POST", "/cart/acknowledge", If_Match=etag)


def remove(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call("DELETE", f"/cart/item/{item_id(cart, sku)}", If_Match=etag)


def remove_batch(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    body = {"itemIds": [item_id(cart, sku)]}
    return shopper.call("DELETE", "/cart/batch", body, If_Match=etag)


def clear(shopper: Shopper, cart: Any, sku: Sku, etag: str) -> Any:
    return shopper.call("DELETE", "/cart/clear", If_Match=etag)


WRITES: list[Write] = [
    add, add_once, add_batch, update, update_batch, select, select_merchant, select_all,
    acknowledge, remove, remove_batch, clear,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_a_write_meant_for_an_older_cart_is_refused_with_the_current_one(
    shopper: Shopper, write: Write
) -> None:
    sku, other = SkuFactory.create_batch(2, price="5.00")
    shopper.add(sku)
    stale = etag_of(shopper)
    cart = shopper.add(other)
    Sku.objects.update(price="7.00")

    with unchanged(shopper):
        response = write(shopper, cart, sku, stale)

    refusal = read_refusal(response)
    assert (refusal["code"], refusal["message"]) == (412, "Cart has changed")
    assert refusal["error"] == {"type": "cart_changed"}
    assert refusal["data"] == shopper.cart()
    assert response["ETag"] == etag_of(shopper)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("form", ["{}", "W/{}", '"1-0", {}', "*"])
def test_a_write_meant_for_the_current_cart_is_done(
    shopper: Shopper, write: Write, form: str
) -> None:
    sku = SkuFactory.create(price="5.00")
    cart = shopper.add(sku)
    Sku.objects.update(price="7.00")
    etag = etag_of(shopper)

    response = write(shopper, cart, sku, form.format(etag))

    assert response.status_code == 200
    assert shopper.cart()["version"] > cart["version"]


def test_a_new_price_is_no_change_of_the_cart(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    etag = etag_of(shopper)

    Sku.objects.update(price="1.00")

    assert shopper.call("POST", "/cart", addition_of(sku), If_Match=etag).status_code == 200


def test_a_cart_may_be_started_on_the_terms_that_there_is_none(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    nothing = etag_of(shopper)

    first = shopper.call("POST", "/cart", addition_of(sku), If_Match=nothing)
    second = shopper.call("POST", "/cart", addition_of(sku), If_Match=nothing)

    assert (first.status_code, second.status_code) == (200, 412)
    assert quantities_of(shopper.cart()) == {sku.id: 1}


@pytest.mark.parametrize("garbage", ["", "garbage", '"-"', '"9e9-x"', "1" * 5000, '"٣-x"', ","])
def test_an_if_match_that_names_no_version_matches_none(shopper: Shopper, garbage: str) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    with unchanged(shopper):
        response = shopper.call("POST", "/cart", addition_of(sku), If_Match=garbage)

    assert response.status_code == 412


def test_a_merge_meant_for_an_older_cart_is_refused_and_merges_nothing(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    user.add(sku)
    stale = etag_of(user)
    user.add(sku)

    with unchanged(guest, user):
        response = user.call(
            "POST", "/cart/merge", {"guestSessionId": guest.owner_id}, If_Match=stale
        )

    refusal = read_refusal(response)
    assert (refusal["code"], refusal["data"]) == (412, user.cart())


def test_a_merge_meant_for_the_current_cart_is_done(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    user.add(sku)

    response = user.call(
        "POST", "/cart/merge", {"guestSessionId": guest.owner_id}, If_Match=etag_of(user)
    )

    assert response.status_code == 200
    assert quantities_of(user.cart()) == {sku.id: 3}
