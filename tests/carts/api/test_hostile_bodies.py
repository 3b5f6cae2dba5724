"""Bodies and values made to do harm: an enveloped 4xx, and nothing changes."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.test.client import FakePayload

from tests.carts.shopper import (
    JSON,
    Shopper,
    addition_of,
    item_id,
    new_guest,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]

LIMIT = 64 * 1024

# Every call that takes a body.
CALLS = [
    ("POST", "/cart"),
    ("POST", "/cart/batch"),
    ("PUT", "/cart/item/x"),
    ("PUT", "/cart/batch"),
    ("DELETE", "/cart/batch"),
    ("PUT", "/cart/selection"),
    ("POST", "/cart/acknowledge"),
]

MALFORMED = {
    "nothing closes": b'{"productId": "x"',
    "trailing garbage": b'{"productId": "x", "quantity": 1} x',
    "two values": b"{}{}",
    "single quotes": b"{'productId': 'x'}",
    "NaN": b'{"quantity": NaN}',
    "Infinity": b'{"quantity": Infinity}',
    "minus Infinity": b'{"quantity": -Infinity}',
    "a comment": b'{"quantity": 1 /* one */}',
    "a trailing comma": b'{"quantity": 1,}',
    "a leading zero": b'{"quantity": 01}',
    "hexadecimal": b'{"quantity": 0x1}',
    "a duplicate key": b'{"quantity": 1, "quantity": 2}',
    "a nested duplicate key": b'{"items": [{"a": 1, "a": 1}]}',
    "an escaped duplicate key": b'{"quantity": 1, "\\u0071uantity": 2}',
    "a byte order mark": b'\xef\xbb\xbf{"quantity": 1}',
    "UTF-16": '{"quantity": 1}'.encode("utf-16"),
    "Latin-1": '{"productId": "ä"}'.encode("latin-1"),
    "a cut character": b'{"productId": "\xe6\xb8"}',
    "a lone surrogate": b'{"productId": "\\ud800"}',
    "an encoded surrogate": b'{"productId": "\xed\xa0\x80"}',
    "a NUL": b'{"productId": "a\x00"}',
    "an escaped NUL": b'{"productId": "a\\u0000"}',
    "a control character": b'{"productId": "a\nb"}',
    "33 arrays": b"[" * 33 + b"]" * 33,
    "33 objects": b'{"a":' * 33 + b"1" + b"}" * 33,
    "2 KB of brackets": b"[" * 2048,
    "64 KB of brackets": b"[" * LIMIT,
    "64 KB of braces": b'{"a":' * (LIMIT // 5),
    "a deep value": b'{"productId": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "a number of 5,000 digits": b'{"quantity": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_json_is_refused(guest: Shopper, kind: str, method: str, path: str) -> None:
    guest.add(SkuFactory.create())

    with unchanged(guest):
        refusal = read_refusal(guest.send(method, path, MALFORMED[kind]))

    assert (refusal["code"], refusal["error"]) == (400, {"type": "malformed_json"})
    assert refusal["message"].startswith("Malformed JSON")
    assert len(refusal["message"]) < 200


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("body", [b"[]", b"[{}]", b'"text"', b"7", b"1e2", b"true", b"null"])
def test_json_that_is_no_object_is_refused(
    guest: Shopper, body: bytes, method: str, path: str
) -> None:
    guest.add(SkuFactory.create())

    with unchanged(guest):
        refusal = read_refusal(guest.send(method, path, body))

    assert summary_of(refusal) == (
        400,
        "invalid_body",
        "The request body must be a JSON object",
    )


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_body_over_64_kib_is_refused(guest: Shopper, method: str, path: str) -> None:
    guest.add(SkuFactory.create())
    body = b'{"note": "' + b"a" * (LIMIT - 11) + b'"}'

    with unchanged(guest):
        refusal = read_refusal(guest.send(method, path, body))

    assert len(body) == LIMIT + 1
    assert summary_of(refusal) == (413, "body_too_large", "Request body is too large")
    assert refusal["error"]["maxBytes"] == LIMIT


def test_a_body_of_64_kib_is_taken(guest: Shopper) -> None:
    sku = SkuFactory.create()
    body = json.dumps(addition_of(sku, 2) | {"note": ""}).encode()
    filled = body.replace(b'"note": ""', b'"note": "' + b"a" * (LIMIT - len(body)) + b'"')

    response = guest.send("POST", "/cart", filled)

    assert (len(filled), response.status_code) == (LIMIT, 200)
    assert quantities_of(guest.cart()) == {sku.id: 2}


def test_what_is_nested_32_deep_is_taken(guest: Shopper) -> None:
    sku = SkuFactory.create()
    deep = b"[" * 31 + b"]" * 31
    body = json.dumps(addition_of(sku)).encode()[:-1] + b', "note": ' + deep + b"}"

    response = guest.send("POST", "/cart", body)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/jsonx",
        "json",
        "nonsense",
    ],
)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_body_that_is_not_declared_as_json_is_refused(
    guest: Shopper, content_type: str, method: str, path: str
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    body = json.dumps(addition_of(sku)).encode()

    with unchanged(guest):
        refusal = read_refusal(guest.send(method, path, body, content_type))

    assert (refusal["code"], refusal["error"]) == (415, {"type": "unsupported_media_type"})


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", "nonsense"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_compressed_body_is_refused(
    guest: Shopper, encoding: str, method: str, path: str
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)

    with unchanged(guest):
        response = guest.call(method, path, addition_of(sku), Content_Encoding=encoding)

    assert summary_of(read_refusal(response)) == (
        415,
        "unsupported_media_type",
        "Unsupported content encoding",
    )


@pytest.mark.parametrize(
    "variables", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "some"}]
)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_body_that_this_server_did_not_read_is_not_an_empty_one(
    guest: Shopper, variables: dict[str, str], method: str, path: str
) -> None:
    guest.add(SkuFactory.create())
    environ: dict[str, Any] = {
        "CONTENT_TYPE": JSON,
        "HTTP_X_GUEST_ID": guest.owner_id,
        "wsgi.input": FakePayload(b"2\r\n{}\r\n0\r\n\r\n"),
        **variables,
    }

    with unchanged(guest):
        response = Client().generic(method, f"/api{path}", **environ)

    assert summary_of(read_refusal(response)) == (
        411,
        "length_required",
        "Content-Length is required",
    )


@pytest.mark.parametrize(
    "content_type", [JSON, f"{JSON}; charset=utf-8", "Application/JSON ; x=y", ""]
)
def test_json_may_be_declared_in_several_ways(guest: Shopper, content_type: str) -> None:
    body = json.dumps(addition_of(SkuFactory.create())).encode()

    assert guest.send("POST", "/cart", body, content_type).status_code == 200


QUANTITIES = {
    "-1": "invalid_quantity",
    "0": "invalid_quantity",
    "-0": "invalid_quantity",
    "-9223372036854775808": "invalid_quantity",
    "1.5": "invalid_product_or_quantity",
    "1.0": "invalid_product_or_quantity",
    "1e2": "invalid_product_or_quantity",
    "-0.0": "invalid_product_or_quantity",
    "true": "invalid_product_or_quantity",
    "false": "invalid_product_or_quantity",
    "null": "invalid_product_or_quantity",
    '"2"': "invalid_product_or_quantity",
    '"٣"': "invalid_product_or_quantity",
    '""': "invalid_product_or_quantity",
    "[]": "invalid_product_or_quantity",
    "[2]": "invalid_product_or_quantity",
    "{}": "invalid_product_or_quantity",
    '{"$gt": 0}': "invalid_product_or_quantity",
    "10000": "invalid_product_or_quantity",
    "32768": "invalid_product_or_quantity",
    "65536": "invalid_product_or_quantity",
    "2147483648": "invalid_product_or_quantity",
    "9223372036854775808": "invalid_product_or_quantity",
    "18446744073709551617": "invalid_product_or_quantity",
    "9" * 400: None,
    "1e400": None,
    "9" * 5000: "malformed_json",
    "NaN": "malformed_json",
}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_bad_quantity_is_refused_wherever_it_is_sent(guest: Shopper, quantity: str) -> None:
    sku = SkuFactory.create(stock=100_000)
    named = item_id(guest.add(sku, 3), sku)
    entry = json.dumps(addition_of(sku) | {"itemId": named, "quantity": "?"})
    body = entry.replace('"?"', quantity).encode()
    batch = b'{"items": [' + body + b"]}"

    with unchanged(guest):
        single = [
            read_refusal(guest.send("POST", "/cart", body)),
            read_refusal(guest.send("PUT", f"/cart/item/{named}", body)),
        ]
        batches = [
            read_refusal(guest.send(method, "/cart/batch", batch)) for method in ("POST", "PUT")
        ]

    assert {refusal["code"] for refusal in [*single, *batches]} == {400}
    kinds = {refusal["error"]["type"] for refusal in single}
    expected = QUANTITIES[quantity]
    # Numbers beyond every integer type are bad JSON to one reader, and a bad quantity to another.
    assert (
        kinds == {expected}
        if expected
        else kinds
        < {
            "malformed_json",
            "invalid_product_or_quantity",
        }
    )


HOSTILE_IDS = [
    "*",
    "../../../etc/passwd",
    "a\r\nb: c",
    "user:1",
    "cart:user:1",
    "@id",
    "@version",
    "_",
    "__",
    "x_y_z",
    "-" * 7,
    "a" * 10_000,
    "温湿度传感器",
    "\u202egnp.exe",
    "' OR '1'='1",
    "%s%n%x",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "null",
    "\u2028",
    "🛒" * 30,
]


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
def test_a_hostile_id_in_a_body_is_refused(guest: Shopper, user: Shopper, hostile: str) -> None:
    sku = SkuFactory.create()
    cart = guest.add(sku)
    user.add(sku)
    line = f"{cart['id']}_{hostile}"

    with unchanged(guest, user):
        refusals = [
            guest.refusal("POST", "/cart", {"productId": hostile, "quantity": 1}),
            guest.refusal("POST", "/cart", addition_of(sku) | {"skuId": hostile}),
            guest.refusal("POST", "/cart/acknowledge", {"itemIds": [hostile]}),
            *(
                guest.refusal("DELETE", "/cart/batch", {"itemIds": [named]})
                for named in (hostile, line)
            ),
            guest.refusal("PUT", "/cart/batch", {"items": [{"itemId": line, "quantity": 1}]}),
            guest.refusal("PUT", "/cart/selection", {"itemIds": [line], "selected": False}),
            user.refusal("POST", "/cart/merge", {"guestSessionId": hostile}),
        ]
        merchant = guest.data("PUT", "/cart/selection", {"merchantId": hostile, "selected": False})

    codes = [refusal["code"] for refusal in refusals]
    assert codes == [400, 400, 404, 400, 400, 400, 400, 400]
    assert merchant["selectedCount"] == 1


@pytest.mark.parametrize("hostile", [*HOSTILE_IDS, "\x00", "a\x00b", "%00", "\x7f"])
def test_a_hostile_id_in_the_address_is_refused(guest: Shopper, hostile: str) -> None:
    sku = SkuFactory.create()
    cart = guest.add(sku)
    paths = [f"/cart/item/{hostile}", f"/cart/item/{cart['id']}_{hostile}"]

    with unchanged(guest):
        refusals = [
            guest.refusal(method, path, {"quantity": 1})
            for path in paths
            for method in ("PUT", "DELETE")
        ]

    assert {refusal["code"] for refusal in refusals} == {404}


def test_the_meta_fields_of_a_cart_are_no_lines(guest: Shopper) -> None:
    cart = guest.add(SkuFactory.create())

    with unchanged(guest):
        refusals = [
            guest.refusal("DELETE", f"/cart/item/{cart['id']}_{field}")
            for field in ("@id", "@version", "@created", "@updated", "@status")
        ]

    assert {refusal["error"]["type"] for refusal in refusals} == {"item_not_found"}


HEAVY: dict[str, Callable[[Shopper], Any]] = {
    "64 KB of brackets": lambda shopper: shopper.send("POST", "/cart", b"[" * LIMIT),
    "64 KB of quotes": lambda shopper: shopper.send("POST", "/cart", b'"' * LIMIT),
    "10 MB": lambda shopper: shopper.send("POST", "/cart", b" " * 10_000_000),
    "4,000 additions": lambda shopper: shopper.call("POST", "/cart/batch", {"items": [{}] * 4000}),
    "12,000 ids": lambda shopper: shopper.call("DELETE", "/cart/batch", {"itemIds": ["x"] * 12000}),
    "6,000 fields": lambda shopper: shopper.call(
        "POST", "/cart", {f"f{number}": 0 for number in range(6000)}
    ),
    "a long id": lambda shopper: shopper.call("POST", "/cart", {"productId": "a" * 60_000}),
    "a long number": lambda shopper: shopper.send(
        "POST", "/cart", b'{"productId": "a", "quantity": ' + b"9" * 60_000 + b"}"
    ),
    "a long guest id": lambda _: Shopper("", {"X-Guest-ID": "a" * 60_000}).call("GET", "/cart"),
    "a long path": lambda shopper: shopper.call("DELETE", "/cart/item/" + "a_" * 30_000),
    "a long If-Match": lambda shopper: shopper.call(
        "DELETE", "/cart/clear", If_Match='"1-a",' * 10_000
    ),
    "a long key": lambda shopper: shopper.call("POST", "/cart", {}, Idempotency_Key="k" * 60_000),
}


@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_request_is_refused_for_little_work(kind: str) -> None:
    shopper = new_guest()
    shopper.add(SkuFactory.create())
    worked_seconds = []

    for _ in range(5):
        begun = time.thread_time()
        response = HEAVY[kind](shopper)
        worked_seconds.append(time.thread_time() - begun)

    assert 400 <= read_refusal(response)["code"] < 500
    # The best of five: the first ones also pay for what is made once.
    assert min(worked_seconds) < 0.05
