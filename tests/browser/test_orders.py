"""Buying, paying, and taking it back."""

from collections.abc import Callable

from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from orders.lifecycle import pay_order
from orders.models import Order
from products.models import Sku
from tests.browser.goods import change_price, put_on_sale
from tests.browser.windows import Window, wake
from tests.carts.shopper import Shopper


def open_checkout(window: Window, guest: Shopper, sku: Sku, quantity: int = 1) -> Page:
    guest.add(sku, quantity)
    page = window.open("/checkout")
    page.get_by_label("Your name").fill("Li Lei")
    page.get_by_label("Street and number").fill("Nanjing Road 1")
    page.get_by_label("City").fill("Shanghai")
    page.get_by_label("E-mail").fill("lilei@example.com")
    return page


def place_order(page: Page) -> None:
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_text("Thank you! Your order is placed.")).to_be_visible()


def test_a_guest_orders_and_takes_it_back_into_the_cart(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Violin", "450.00", stock=5)
    page = open_checkout(guest_window, guest, sku, 2)
    place_order(page)

    expect(page.locator("#order")).to_contain_text("Awaiting payment")
    expect(page.locator("#order")).to_contain_text("Li Lei, Nanjing Road 1, Shanghai")
    expect(page.locator("#cart-badge")).to_be_hidden()
    sku.refresh_from_db()
    assert sku.stock == 3
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_role("button", name="Cancel, and put it back into my cart").click()

    expect(page.locator("#order .status")).to_have_text("Cancelled")
    expect(page.locator("#cart-count")).to_have_text("2")
    expect(page.get_by_role("button", name="Cancel the order")).to_be_hidden()
    sku.refresh_from_db()
    assert sku.stock == 5
    page.goto(f"{guest_window.address}/orders")
    expect(page.locator(".order-card")).to_contain_text("Cancelled")
    expect(page.locator(".order-card")).to_contain_text("¥900.00")


def test_an_order_can_be_kept_after_all(guest_window: Window, guest: Shopper) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Viola"))
    place_order(page)

    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_role("button", name="Keep the order").click()

    expect(page.get_by_role("button", name="Cancel the order")).to_be_focused()
    assert Order.objects.get().status == "PENDING"


def test_a_payment_shows_on_the_open_order_and_ends_cancelling(
    guest_window: Window, guest: Shopper
) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Flute"))
    place_order(page)
    pay_order(order_id=Order.objects.get().pk, actor="staff", now=timezone.now())

    wake(page)

    expect(page.locator("#order .status")).to_have_text("Paid")
    expect(page.get_by_role("button", name="Cancel the order")).to_be_hidden()


def test_an_order_drawn_again_keeps_the_totals_of_its_lines(
    guest_window: Window, guest: Shopper
) -> None:
    guest.add(put_on_sale("Drum", "55.00"))
    page = open_checkout(guest_window, guest, put_on_sale("Fiddle", "78.50"), 2)
    place_order(page)
    totals = page.locator("#order [data-slot=total]")
    expect(totals).to_have_text(["¥55.00", "¥157.00", "¥212.00"])
    pay_order(order_id=Order.objects.get().pk, actor="staff", now=timezone.now())

    wake(page)

    expect(page.locator("#order .status")).to_have_text("Paid")
    expect(totals).to_have_text(["¥55.00", "¥157.00", "¥212.00"])


def test_an_order_over_nothing_is_shown_as_paid(guest_window: Window, guest: Shopper) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Kazoo", "0.00"))
    place_order(page)

    expect(page.locator("#order .status")).to_have_text("Paid")
    expect(page.locator("#order .total-row")).to_contain_text("¥0.00")
    expect(page.get_by_role("button", name="Cancel the order")).to_be_hidden()


def test_a_guest_must_leave_a_way_to_be_reached(guest_window: Window, guest: Shopper) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Oboe"))
    page.get_by_label("E-mail").fill("")

    page.get_by_role("button", name="Place order").click()

    expect(page.get_by_text("Give an e-mail address or a phone number.")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_focused()
    assert Order.objects.count() == 0


def test_a_price_that_changed_at_the_last_moment_needs_a_second_look(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Organ", "100.00")
    page = open_checkout(guest_window, guest, sku)
    expect(page.locator("#order-total")).to_have_text("¥100.00")
    change_price(sku, "120.00")

    page.get_by_role("button", name="Place order").click()
    problem = page.locator("#order-problem")
    expect(problem).to_contain_text("Prices have changed meanwhile.")
    expect(problem).to_contain_text("Organ: the price has changed")
    expect(page.locator("#order-total")).to_have_text("¥120.00")
    assert Order.objects.count() == 0

    place_order(page)
    assert Order.objects.get().total_amount == 120


def test_an_order_whose_answer_was_lost_is_placed_once(
    guest_window: Window, guest: Shopper
) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Gong", stock=10), 2)
    lost = iter([True])

    def lose_first_answer(route: Route) -> None:
        answer = route.fetch()
        if next(lost, False):
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/api/orders", lose_first_answer)
    place_order(page)

    assert Order.objects.get().item_count == 2
    # Chromium reports the connection that was cut.
    guest_window.forgive("net::ERR_FAILED")


def test_an_order_that_a_gateway_gave_up_keeps_its_key(
    guest_window: Window, guest: Shopper
) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Gong", stock=10), 2)
    keys: list[str] = []

    def give_up_at_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) <= 4:
            route.fulfill(status=504)
        else:
            route.continue_()

    page.route("**/api/orders", give_up_at_first)
    page.get_by_role("button", name="Place order").click()
    expect(page.locator("#order-problem")).to_be_visible()
    place_order(page)

    assert (len(keys), len(set(keys))) == (5, 1)
    guest_window.forgive("504")


def test_a_stranger_cannot_see_a_guests_order(
    open_window: Callable[..., Window], guest_window: Window, guest: Shopper
) -> None:
    page = open_checkout(guest_window, guest, put_on_sale("Lute"))
    place_order(page)

    stranger = open_window().open(f"/orders/{Order.objects.get().pk}")

    expect(stranger.get_by_text("There is no such order here.")).to_be_visible()
