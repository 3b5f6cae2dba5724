"""Whatever is sent: an enveloped 4xx that changes nothing, or a 200 whose cart adds up."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.carts.shopper import Shopper, addition_of, item_id, new_guest, unchanged
from tests.factories import SkuFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]

# The fixtures are made once for all examples: every example leaves a cart that is still a cart.
EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CALLS = [
    ("GET", "/cart"),
    ("POST", "/cart"),
    ("POST", "/cart/batch"),
    ("PUT", "/cart/batch"),
    ("DELETE", "/cart/batch"),
    ("PUT", "/cart/selection"),
    ("POST", "/cart/acknowledge"),
    ("POST", "/cart/merge"),
    ("GET", "/cart/summary"),
    ("GET", "/cart/validate"),
]
FIELDS = [
    "productId", "skuId", "quantity", "selected", "items", "list", "itemIds", "itemId", "all",
    "merchantId", "guestSessionId", "strategy", "price", "userId", "version",
]  # fmt: skip
HEADERS = [
    "Authorization", "X-Guest-ID", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID",
    "Accept", "Accept-Language", "Origin", "Cookie", "X-Forwarded-For", "X-Forwarded-Proto",
    "Range", "Expect", "X-HTTP-Method-Override", "Access-Control-Request-Method",
]  # fmt: skip

atoms = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.integers(min_value=-2, max_value=12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)


def values_around(known: list[Any]) -> st.SearchStrategy[Any]:
    """Return JSON values in which values that mean something here come up often."""
    leaves = atoms | st.sampled_from(known)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), inner, max_size=4)
        ),
        max_leaves=8,
    )


# What an HTTP server lets through: no control characters but the tab.
header_values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60
) | st.sampled_from(["*", '"', "Bearer", "Bearer x.y.z", "bytes=0-1", "null", "100-continue"])


def check_answer(response: Any) -> bool:
    """Assert that this is an answer the contract knows; tell whether it is a success."""
    if response.status_code == 304:
        assert response.content == b""
        return True
    envelope = json.loads(response.content, parse_float=Decimal)
    assert response["Content-Type"] == "application/json"
    assert response.status_code == envelope["code"] < 500
    assert envelope["success"] is (envelope["code"] == 200)
    if envelope["success"] and "items" in (envelope["data"] or {}):
        check_sums(envelope["data"])
    return bool(envelope["success"])


def check_sums(cart: Any) -> None:
    counted = [line for line in cart["items"] if line["selected"]]
    assert cart["totalAmount"] == sum(line["price"] * line["quantity"] for line in counted)
    assert cart["itemCount"] == sum(line["quantity"] for line in counted)
    assert cart["selectedCount"] == len(counted)
    for line in cart["items"]:
        assert 1 <= line["quantity"] <= line["product"]["stock"]
        assert line["totalPrice"] == line["price"] * line["quantity"]


def test_any_body_is_refused_or_done(guest: Shopper, user: Shopper) -> None:
    sku, other = SkuFactory.create_batch(2, price="0.25", stock=50)
    theirs = new_guest()
    foreign = item_id(theirs.add(sku, 3), sku)
    cart = guest.add(sku, 3)
    known = [
        sku.id, sku.product_id, other.id, other.product_id, sku.product.merchant_id,
        item_id(cart, sku), item_id(cart, other), foreign, addition_of(other), "sum",
        {"itemId": item_id(cart, sku), "quantity": 2},
    ]  # fmt: skip
    values = values_around(known)
    bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)

    @EXAMPLES
    @given(call=st.sampled_from(CALLS), body=bodies | values)
    def run(call: tuple[str, str], body: Any) -> None:
        method, path = call
        caller = user if path == "/cart/merge" else guest
        before = (guest.cart(), theirs.cart())
        response = caller.send(method, path, json.dumps(body).encode())
        if not check_answer(response) and b'"batch_failed"' not in response.content:
            assert guest.cart() == before[0]
        check_sums(guest.cart())
        assert theirs.cart() == before[1]

    run()


def test_any_bytes_are_refused_or_done(guest: Shopper) -> None:
    guest.add(SkuFactory.create(price="0.25"))

    @EXAMPLES
    @given(
        call=st.sampled_from(CALLS),
        content=st.binary(max_size=80) | st.text(max_size=40).map(str.encode),
    )
    def run(call: tuple[str, str], content: bytes) -> None:
        with unchanged(guest):
            check_answer(guest.send(*call, content))

    run()


def test_any_headers_are_refused_or_done(guest: Shopper) -> None:
    sku = SkuFactory.create(price="0.25", stock=9_999)
    body = json.dumps(addition_of(sku)).encode()
    guest.add(sku)

    @EXAMPLES
    @given(
        method=st.sampled_from(["GET", "POST"]),
        headers=st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=5),
        content_type=header_values | st.just("application/json"),
    )
    def run(method: str, headers: dict[str, str], content_type: str) -> None:
        before = guest.cart()["itemCount"]
        caller = Shopper("", guest.headers | headers)
        response = caller.send(method, "/cart", body, content_type)
        is_done = check_answer(response) and "Idempotent-Replayed" not in response
        is_own = "X-Guest-ID" not in headers
        added = int(method == "POST" and is_done and is_own)
        assert guest.cart()["itemCount"] == before + added

    run()


def test_any_line_in_the_address_is_refused(guest: Shopper) -> None:
    sku = SkuFactory.create()
    cart = guest.add(sku)
    known = [cart["id"], sku.id, "_", "@id", "..", "%", "user:"]

    @EXAMPLES
    @given(
        parts=st.lists(st.sampled_from(known) | st.text(max_size=10), max_size=4),
        method=st.sampled_from(["PUT", "DELETE", "GET"]),
    )
    def run(parts: list[str], method: str) -> None:
        named = "".join(parts)
        if named != item_id(cart, sku):
            with unchanged(guest):
                response = guest.call(method, f"/cart/item/{named}", {"quantity": 2})
                assert not check_answer(response)

    run()
