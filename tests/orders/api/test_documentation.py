"""Orders in the OpenAPI schema."""

from typing import Any

import pytest

from tests.carts.api.test_documentation import operations
from tests.carts.shopper import Shopper
from tests.factories import SkuFactory
from tests.orders.buying import place_order, refuse_order

pytestmark = pytest.mark.django_db

STATUSES = {
    "GET /api/orders": {"200", "400", "401", "429", "503"},
    "POST /api/orders": {
        "200", "400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "503",
    },
    "GET /api/orders/{order_id}": {"200", "400", "401", "404", "429", "503"},
    "POST /api/orders/{order_id}/cancel": {"200", "400", "401", "404", "409", "429", "503"},
    "POST /api/orders/webhooks/payment": {
        "200", "400", "401", "404", "408", "409", "413", "415", "503",
    },
}  # fmt: skip


def order_operations() -> dict[str, Any]:
    return {name: each for name, each in operations() if "/api/orders" in name}


def test_every_order_call_tells_every_status_it_can_answer_with() -> None:
    documented = {
        name: set(operation["responses"]) - {"405", "500"}
        for name, operation in order_operations().items()
    }

    assert documented == STATUSES


def test_every_order_call_tells_who_may_call() -> None:
    for name, operation in order_operations().items():
        sent = {each["name"] for each in operation["parameters"] if each.get("in") == "header"}
        is_webhook = name.endswith("/payment")

        assert ("X-Guest-ID" in sent) is not is_webhook, name
        assert ("X-Payment-Signature" in sent) is is_webhook, name
        assert ("Idempotency-Key" in sent) is (name == "POST /api/orders"), name
        ways: list[Any] = [{}] if is_webhook else [{"bearer": []}, {"guest": []}]
        assert operation.get("security", [{}]) == ways, name


def shown_examples(status: str) -> dict[str, Any]:
    content = order_operations()["POST /api/orders"]["responses"][status]["content"]
    values = [each["value"] for each in content["application/json"]["examples"].values()]
    return {value.get("error", {}).get("type", ""): value for value in values}


def test_the_order_shown_has_the_fields_of_a_real_one(user: Shopper) -> None:
    user.add(SkuFactory.create())

    order = place_order(user)

    shown = shown_examples("200")[""]["data"]
    assert shown.keys() == order.keys()
    assert shown["items"][0].keys() == order["items"][0].keys()


def test_the_refusals_shown_have_the_fields_of_real_ones(user: Shopper) -> None:
    sku = SkuFactory.create(price="149.99", stock=2)
    user.add(sku, 2)
    changed = refuse_order(user, {"expectedTotal": 279.98})
    sku.stock = 1
    sku.save(update_fields=["stock"])
    invalid = refuse_order(user)

    shown = shown_examples("409")
    assert shown["price_changed"]["error"] == changed["error"]
    assert shown["price_changed"]["message"] == changed["message"]
    assert shown["cart_invalid"]["error"] == invalid["error"]
    [issue], [real] = shown["cart_invalid"]["data"]["issues"], invalid["data"]["issues"]
    assert shown["cart_invalid"]["data"].keys() == invalid["data"].keys()
    assert (issue.keys(), issue["codes"], issue["issues"]) == (
        real.keys(),
        real["codes"],
        real["issues"],
    )
