"""cart-client.js by itself: repetition, conditions, typed refusals."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route

from products.models import Sku
from tests.browser.goods import put_on_sale
from tests.browser.windows import Window

BUSY = {
    "status": 503,
    "headers": {"Retry-After": "0", "Content-Type": "application/json"},
    "body": '{"code":503,"message":"Busy","data":null,"success":false,'
    '"error":{"type":"cart_store_unavailable"}}',
}


@pytest.fixture
def page(window: Window) -> Iterator[Page]:
    """A page with a client of its own in it, beside the shop's."""
    page = window.open("/login")
    page.evaluate(
        """async () => {
            const { CartClient } = await import("/static/shop/cart-client.js");
            globalThis.client = new CartClient({ namespace: "test" });
        }"""
    )
    yield page
    # Chromium reports the connections that the tests cut.
    window.forgive("net::ERR")


def call(page: Page, method: str, *arguments: Any) -> Any:
    """Call a method of the client; return its result, or what the error has to say."""
    return page.evaluate(
        """async ([method, args]) => {
            try {
                return await client[method](...args);
            } catch ({ status, type, details, attempts, message }) {
                return { status, type, details, attempts, message };
            }
        }""",
        [method, list(arguments)],
    )


def units(sku: Sku, quantity: int) -> dict[str, Any]:
    return {"productId": sku.product_id, "skuId": sku.pk, "quantity": quantity}


def lose_answers(page: Page, path: str, count: int) -> list[Request]:
    """Let requests through and lose the first answers; return all requests as they come."""
    sent: list[Request] = []

    def pass_on(route: Route, request: Request) -> None:
        sent.append(request)
        answer = route.fetch()
        if len(sent) <= count:
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route(f"**/api{path}", pass_on)
    return sent


def test_an_addition_whose_answers_were_lost_counts_once(page: Page) -> None:
    sku = put_on_sale("Nut")
    sent = lose_answers(page, "/cart", 2)

    cart = call(page, "addItem", units(sku, 2))

    assert [item["quantity"] for item in cart["items"]] == [2]
    assert len(sent) == 3
    assert len({request.headers["idempotency-key"] for request in sent}) == 1


def test_a_removal_whose_answer_was_lost_is_done(page: Page) -> None:
    cart = call(page, "addItem", units(put_on_sale("Bolt"), 1))
    lose_answers(page, "/cart/item/*", 1)

    assert call(page, "removeItem", cart["items"][0]["id"])["items"] == []


def test_a_busy_api_is_asked_again(page: Page) -> None:
    sku = put_on_sale("Cog")
    busy = iter([True, True])
    page.route(
        "**/api/cart",
        lambda route: route.fulfill(**BUSY) if next(busy, False) else route.continue_(),
    )

    assert call(page, "addItem", units(sku, 3))["itemCount"] == 3


def test_an_api_that_stays_away_is_given_up(page: Page) -> None:
    page.route("**/api/products*", lambda route: route.abort())

    error = call(page, "listProducts")

    assert (error["status"], error["type"], error["attempts"]) == (0, "network_error", 4)


def test_a_long_wait_is_left_to_the_caller(page: Page) -> None:
    busy = BUSY | {"headers": {"Retry-After": "30", "Content-Type": "application/json"}}
    page.route("**/api/merchants", lambda route: route.fulfill(**busy))

    error = call(page, "listMerchants")

    assert (error["status"], error["attempts"]) == (503, 1)


def test_a_refusal_carries_its_type_and_fields(page: Page) -> None:
    sku = put_on_sale("Gear", stock=5)
    call(page, "addItem", units(sku, 3))

    error = call(page, "addItem", units(sku, 4))

    assert error == {
        "status": 409,
        "type": "insufficient_stock",
        "details": {"available": 5, "inCart": 3, "requested": 4},
        "attempts": 1,
        "message": "Insufficient stock",
    }


def test_a_cart_that_has_not_changed_is_not_sent_again(page: Page) -> None:
    sku = put_on_sale("Cam")
    cart = call(page, "addItem", units(sku, 1))
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))

    again = call(page, "getCart")

    assert statuses == [304]
    assert again["version"] == cart["version"]
    assert [item["skuId"] for item in again["items"]] == [sku.pk]


def test_a_change_can_be_made_dependent_on_the_cart_that_was_seen(
    page: Page, open_window: Callable[..., Window]
) -> None:
    sku = put_on_sale("Rod", stock=50)
    cart = call(page, "addItem", units(sku, 1))
    item_id, guest = cart["items"][0]["id"], cart["sessionId"]
    page.evaluate(
        """async ([path, guest]) => fetch(`/api${path}`, {
            method: "PUT", body: JSON.stringify({ quantity: 7 }),
            headers: { "X-Guest-ID": guest, "Content-Type": "application/json" },
        })""",
        [f"/cart/item/{item_id}", guest],
    )

    error = call(page, "updateItem", item_id, {"quantity": 2}, {"ifUnchanged": True})

    assert (error["status"], error["type"]) == (412, "cart_changed")
    assert page.evaluate("client.cart.items[0].quantity") == 7
    changed = call(page, "updateItem", item_id, {"quantity": 2}, {"ifUnchanged": True})
    assert changed["items"][0]["quantity"] == 2


def test_an_overtaken_answer_does_not_replace_a_newer_cart(page: Page) -> None:
    cart = call(page, "addItem", units(put_on_sale("Pin", stock=50), 1))
    item_id = cart["items"][0]["id"]
    held: list[tuple[Route, Any]] = []

    def hold_first(route: Route) -> None:
        answer = route.fetch()
        if held:
            route.fulfill(response=answer)
        else:
            held.append((route, answer))

    page.route("**/api/cart/item/*", hold_first)
    page.evaluate("id => { globalThis.slow = client.updateItem(id, { quantity: 2 }) }", item_id)
    while not held:
        page.wait_for_timeout(20)
    call(page, "updateItem", item_id, {"quantity": 3})
    held[0][0].fulfill(response=held[0][1])

    assert page.evaluate("slow.then((cart) => cart.items[0].quantity)") == 2
    assert page.evaluate("client.cart.items[0].quantity") == 3


@pytest.mark.parametrize("stored", ["undefined", "null", "[object Object]", ""])
def test_a_stored_text_that_is_no_guest_id_is_replaced_by_a_new_one(
    page: Page, stored: str
) -> None:
    sku = put_on_sale("Nut")
    page.evaluate("id => localStorage.setItem('test.guest', id)", stored)

    cart = call(page, "addItem", units(sku, 2))

    guest_id = page.evaluate("localStorage.getItem('test.guest')")
    assert (cart["sessionId"], len(guest_id)) == (guest_id, 22)
