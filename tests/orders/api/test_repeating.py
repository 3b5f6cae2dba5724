"""Idempotency-Key of POST /api/orders."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from orders.models import Order, Reply
from orders.replies import forget_replies
from products.models import Sku
from tests.carts.shopper import Shopper, new_user, quantities_of, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy, nothing_sold
from tests.products.rows import read_stock

pytestmark = pytest.mark.django_db

BODY: dict[str, Any] = {"contact": CONTACT, "note": "Ring twice."}


def test_a_repeat_gets_the_first_answer_again(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    shopper.add(sku, 2)
    first = shopper.call("POST", "/orders", BODY, idempotency_key="k1")
    shopper.add(sku, 3)

    with nothing_sold(shopper):
        repeat = shopper.call("POST", "/orders", BODY, idempotency_key="k1")

    assert (first.status_code, repeat.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first
    assert repeat["Idempotent-Replayed"] == "true"
    assert repeat["Cache-Control"] == "no-store"
    assert repeat.content == first.content
    assert read_stock(sku) == [7]


def test_the_first_answer_stays_the_first_when_the_order_moves_on(user: Shopper) -> None:
    user.add(SkuFactory.create())
    first = user.data("POST", "/orders", BODY, idempotency_key="k1")
    user.data("POST", f"/orders/{first['id']}/cancel")

    assert user.data("POST", "/orders", BODY, idempotency_key="k1") == first


def test_the_same_key_with_another_body_is_refused(user: Shopper) -> None:
    sku = SkuFactory.create()
    user.add(sku)
    user.data("POST", "/orders", BODY, idempotency_key="k1")
    user.add(sku)

    with nothing_sold(user):
        refusal = user.refusal("POST", "/orders", BODY | {"note": "No."}, idempotency_key="k1")

    assert summary_of(refusal) == (
        422,
        "idempotency_key_reused",
        "Idempotency-Key was already used for another request",
    )


def test_a_key_belongs_to_one_buyer(user: Shopper) -> None:
    sku = SkuFactory.create()
    other = new_user()
    orders = []
    for buyer in (user, other):
        buyer.add(sku)
        orders.append(buyer.data("POST", "/orders", BODY, idempotency_key="k1"))

    assert orders[0]["id"] != orders[1]["id"]


def test_different_keys_are_different_orders(user: Shopper) -> None:
    sku = SkuFactory.create()
    for key in ("k1", "k2"):
        user.add(sku)
        user.data("POST", "/orders", BODY, idempotency_key=key)

    assert Order.objects.count() == 2


def test_a_refusal_is_repeated_too(user: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    user.add(sku, 5)
    Sku.objects.update(stock=4)
    first = user.call("POST", "/orders", BODY, idempotency_key="k1")
    Sku.objects.update(stock=5)

    repeat = user.call("POST", "/orders", BODY, idempotency_key="k1")

    assert (first.status_code, repeat.status_code) == (409, 409)
    assert repeat.content == first.content
    assert Order.objects.count() == 0
    assert user.data("POST", "/orders", BODY, idempotency_key="k2")["itemCount"] == 5


def test_what_could_not_be_read_is_not_kept(user: Shopper) -> None:
    user.add(SkuFactory.create())
    user.refusal("POST", "/orders", {"note": 5}, idempotency_key="k1")

    assert user.data("POST", "/orders", BODY, idempotency_key="k1")["itemCount"] == 1


def test_a_key_may_be_used_again_after_a_day(user: Shopper) -> None:
    sku = SkuFactory.create()
    user.add(sku)
    first = user.data("POST", "/orders", BODY, idempotency_key="k1")
    Reply.objects.update(created_at=F("created_at") - timedelta(hours=24))
    user.add(sku)

    second = user.data("POST", "/orders", BODY, idempotency_key="k1")
    repeat = user.data("POST", "/orders", BODY, idempotency_key="k1")

    assert first["id"] != second["id"]
    assert repeat == second


def test_old_answers_are_forgotten(user: Shopper) -> None:
    sku = SkuFactory.create()
    for key in ("old", "new"):
        user.add(sku)
        user.data("POST", "/orders", BODY, idempotency_key=key)
    Reply.objects.filter(key__endswith="old").update(
        created_at=timezone.now() - timedelta(hours=24)
    )

    assert forget_replies(now=timezone.now()) == 1
    assert [reply.key for reply in Reply.objects.all()] == ["key:new"]


@pytest.mark.parametrize("key", ["", "k" * 129, "schlüssel", "\t"])
def test_a_malformed_key_is_refused(user: Shopper, key: str) -> None:
    user.add(SkuFactory.create())

    with nothing_sold(user):
        refusal = user.refusal("POST", "/orders", BODY, idempotency_key=key)

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_idempotency_key")


def test_without_a_key_the_same_body_is_another_order(user: Shopper) -> None:
    sku = SkuFactory.create()
    first, second = buy(user, sku), buy(user, sku)

    assert first["id"] != second["id"]
    assert quantities_of(user.cart()) == {}
