"""The OpenAPI schema and its page."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from carts.api import examples
from config.http.openapi import EXAMPLE_TIME
from products.models import Sku
from tests.carts.shopper import Shopper, addition_of, item_id, new_user
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

# Every status a cart call can answer with, but for 405 and 500, which all have.
READ = {"200", "400", "401", "503"}
WRITE = READ | {"412", "429"}
BODY = WRITE | {"408", "413", "415"}
STATUSES = {
    "GET /api/cart": READ | {"304"},
    "GET /api/cart/summary": READ,
    "GET /api/cart/validate": READ,
    "POST /api/cart": BODY | {"409", "422"},
    "POST /api/cart/batch": BODY | {"409", "422"},
    "PUT /api/cart/batch": BODY,
    "DELETE /api/cart/batch": BODY,
    "PUT /api/cart/selection": BODY,
    "POST /api/cart/acknowledge": BODY | {"403", "404"},
    "PUT /api/cart/item/{item_id}": BODY | {"403", "404", "409"},
    "DELETE /api/cart/item/{item_id}": WRITE | {"403", "404"},
    "DELETE /api/cart/clear": WRITE,
    "POST /api/cart/merge": BODY | {"409", "422"},
}


def read_schema() -> Any:
    return Client().get("/api/schema").json()


def operations() -> Iterator[tuple[str, Any]]:
    for path, item in read_schema()["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def cart_operations() -> dict[str, Any]:
    return {name: each for name, each in operations() if "/api/cart" in name}


def test_the_schema_is_valid_and_nothing_was_left_out(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", tmp_path / "schema.yaml")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer dead"}])
def test_the_schema_is_json_for_everybody(headers: dict[str, str]) -> None:
    response = Client().get("/api/schema", headers=headers)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["openapi"].startswith("3.")


def test_every_call_says_what_it_does_and_how_it_can_end() -> None:
    for name, operation in operations():
        assert operation["summary"], name
        assert operation["tags"], name
        assert {"200", "405", "500"} <= operation["responses"].keys(), name
        assert any(operation["responses"]["200"]["content"].values()), name


def test_every_cart_call_tells_every_status_it_can_answer_with() -> None:
    documented = {
        name: set(operation["responses"]) - {"405", "500"}
        for name, operation in cart_operations().items()
    }

    assert documented == STATUSES


def test_every_cart_call_names_its_headers() -> None:
    for name, operation in cart_operations().items():
        sent = {each["name"] for each in operation["parameters"] if each.get("in") == "header"}
        returned = operation["responses"]["200"]["headers"].keys()
        is_repeatable = name in {"POST /api/cart", "POST /api/cart/batch", "POST /api/cart/merge"}
        answers_cart = name.rpartition("/")[2] not in {"summary", "validate"}

        assert ("X-Guest-ID" in sent) is (name != "POST /api/cart/merge"), name
        assert ("If-Match" in sent) is (not name.startswith("GET")), name
        assert ("If-None-Match" in sent) is (name == "GET /api/cart"), name
        assert ("Idempotency-Key" in sent) is is_repeatable, name
        assert ("Idempotent-Replayed" in returned) is is_repeatable, name
        assert ("ETag" in returned) is answers_cart, name


def test_every_answer_names_the_headers_that_belong_to_its_status() -> None:
    expected = {
        "401": {"WWW-Authenticate"},
        "405": {"Allow"},
        "429": {"Retry-After"},
        "503": {"Retry-After"},
    }
    for name, operation in operations():
        for status, response in operation["responses"].items():
            wanted = {"X-Request-ID"} | expected.get(status, set())
            assert wanted <= response["headers"].keys(), (name, status)


def test_a_cart_is_reached_by_a_token_or_a_guest_id_and_merged_by_a_token() -> None:
    schemes = read_schema()["components"]["securitySchemes"]
    security = {name: operation["security"] for name, operation in cart_operations().items()}

    assert schemes["bearer"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert (schemes["guest"]["in"], schemes["guest"]["name"]) == ("header", "X-Guest-ID")
    assert security.pop("POST /api/cart/merge") == [{"bearer": []}]
    assert all(each == [{"bearer": []}, {"guest": []}] for each in security.values())


def test_every_call_with_a_body_shows_one() -> None:
    for name, operation in cart_operations().items():
        takes_a_body = "413" in operation["responses"]
        assert ("requestBody" in operation) is takes_a_body, name
        if takes_a_body:
            content = operation["requestBody"]["content"]["application/json"]
            assert content["examples"], name


def test_every_failure_of_every_call_is_shown_as_it_is_answered() -> None:
    for name, operation in operations():
        for status, response in operation["responses"].items():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            if "allOf" not in schema:
                continue
            examples = response["content"]["application/json"].get("examples", {})
            shown = {each["value"]["error"]["type"] for each in examples.values()}
            slugs = schema["allOf"][1]["properties"]["error"]["properties"]["type"]["enum"]
            assert shown == set(slugs), (name, status)


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (("GET", "/api/auth/me", None), 401),
        (("PATCH", "/api/cart", "{}"), 405),
        (("POST", "/api/cart", "x" * 65_537), 413),
    ],
)
def test_401_405_and_413_are_shown_as_they_are_answered(
    client: Client, call: tuple[str, str, str | None], status: int
) -> None:
    method, path, body = call
    answer = client.generic(
        method, path, body or "", "application/json", headers={"X-Guest-ID": "guest-0001"}
    ).json()

    documented = read_schema()["paths"][path]["get" if method == "GET" else "post"]
    content = documented["responses"][str(status)]["content"]["application/json"]
    shown = content["examples"]
    [example] = [
        each["value"]
        for each in shown.values()
        if each["value"]["error"]["type"] == answer["error"]["type"]
    ]
    assert example | {"timestamp": ""} == answer | {"timestamp": ""}


def rename(value: Any, names: dict[str, str]) -> Any:
    """Return an answer with the ids and moments of the examples in place of its own."""
    text = json.dumps(value, ensure_ascii=False)
    for name, replacement in names.items():
        text = text.replace(name, replacement)
    return json.loads(MOMENT.sub(EXAMPLE_TIME, text))


@pytest.fixture
def shop(db: None) -> list[Sku]:
    """The two SKUs of the examples, as they were when they were added."""
    line, gone = examples.LINE, examples.UNAVAILABLE_LINE
    merchant = MerchantFactory.create(**line["product"]["merchant"])
    product = {name: line["product"][name] for name in ("id", "name", "description", "images")}
    sku = SkuFactory.create(
        **line["sku"],
        product=ProductFactory.create(merchant=merchant, **product),
        price="159.99",
        original_price="199.99",
        purchase_limit=5,
    )
    snapshot = gone["snapshot"]
    sold_out = SkuFactory.create(
        id=gone["skuId"],
        product=ProductFactory.create(
            merchant=merchant,
            id=gone["productId"],
            name=snapshot["name"],
            images=[snapshot["image"]],
        ),
        price="89.00",
    )
    return [sku, sold_out]


def sell(shop: list[Sku]) -> None:
    Sku.objects.filter(pk=shop[0].pk).update(price="149.99")
    Sku.objects.filter(pk=shop[1].pk).update(stock=0)


def names_of(cart: Any, shopper: Shopper) -> dict[str, str]:
    """Return what stands for this cart's own ids and version in the examples."""
    return {
        cart["id"]: examples.CART["id"],
        shopper.owner_id: examples.GUEST_ID,
        str(cart["version"]): str(examples.CART["version"]),
    }


def at_one_time(example: Any) -> Any:
    return rename(example, {})


def test_the_examples_are_what_is_answered(guest: Shopper, shop: list[Sku]) -> None:
    guest.add(shop[0], 1)
    guest.add(shop[1], 1)
    sell(shop)

    added = guest.add(shop[0], 1)

    names = names_of(added, guest)
    assert rename(added, names) == at_one_time(examples.ADDED_CART)
    assert rename(guest.cart(), names) == at_one_time(examples.CART)
    assert rename(guest.data("GET", "/cart/summary"), names) == examples.SUMMARY
    assert rename(guest.data("GET", "/cart/validate"), names) == examples.VALIDATION


def test_the_examples_of_partial_failures_are_what_is_answered(
    guest: Shopper, shop: list[Sku]
) -> None:
    sku, sold_out = shop
    guest.add(sku, 1)
    cart = guest.add(sold_out, 1)
    sell(shop)
    missing = {"itemId": examples.MISSING_ITEM_ID.replace(examples.CART["id"], cart["id"])}
    one = {"itemId": item_id(cart, sku), "quantity": 2}
    ids = {"itemIds": [item_id(cart, sold_out), missing["itemId"]]}

    adding = guest.refusal(
        "POST", "/cart/batch", {"items": [addition_of(sku), addition_of(sold_out)]}
    )
    updating = guest.refusal("PUT", "/cart/batch", {"items": [one, missing | {"quantity": 1}]})
    removing = guest.refusal("DELETE", "/cart/batch", ids)

    names = names_of(removing["data"]["cart"], guest)
    assert adding["data"] == examples.ADD_RESULTS
    assert rename(updating["data"], names) == examples.UPDATE_RESULTS
    assert rename(removing["data"], names) == at_one_time(examples.REMOVAL)
    assert removing["message"] == "Failed to remove 1 out of 2 items"


def test_the_example_of_a_merge_is_what_is_answered(guest: Shopper, shop: list[Sku]) -> None:
    user = new_user(id=examples.MERGED_CART["userId"])
    guest.add(shop[0], 4)
    guest.add(shop[1], 1)
    user.add(shop[0], 3)
    sell(shop)
    Sku.objects.filter(pk=shop[0].pk).update(purchase_limit=2)

    merged = user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert rename(merged["merge"], {}) == examples.MERGED_CART["merge"]
    assert merged.keys() == examples.MERGED_CART.keys()


class Links(HTMLParser):
    """What a page loads, and whether it holds scripts of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline_scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get("src") or values.get("href")
        if address:
            self.addresses.append(address)
        elif tag == "script":
            self.inline_scripts += 1


def read_status(address: str) -> int:
    with closing(Client().get(address)) as response:
        return response.status_code


def test_the_page_needs_no_other_host_and_no_inline_script() -> None:
    page = Client().get("/api/docs", headers={"Authorization": "Bearer dead"})
    links = Links()
    links.feed(page.content.decode())

    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert links.inline_scripts == 0
    assert len(links.addresses) == 5
    assert all(re.match(r"/(static|api)/", address) for address in links.addresses)
    assert [read_status(address) for address in links.addresses] == [200] * 5


def test_the_page_shows_this_schema_and_asks_no_validator() -> None:
    script = Client().get("/api/docs?script=").content.decode()

    assert 'url: "/api/schema"' in script
    assert '"validatorUrl": null' in script
    assert "http://" not in script
    assert "https://" not in script
