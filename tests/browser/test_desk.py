"""Staff at their desk, and the buyers whose carts and orders they look after."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import make_password
from playwright.sync_api import Page, expect

from accounts.models import User
from carts.models import CartItem
from orders.models import Order
from tests.accounts.factories import PASSWORD, StaffFactory
from tests.browser.goods import add_from_product_page, put_on_sale
from tests.browser.test_pages import PHONE, serious_findings
from tests.browser.windows import Window, wake
from tests.carts.permanent.copies import row_of, save_all
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.orders.buying import buy


@pytest.fixture
def desk(open_window: Callable[..., Window]) -> Page:
    """The admin's first page, of somebody who may do everything."""
    StaffFactory.create(username="wang")
    page = open_window(viewport={"width": 1440, "height": 900}).open("/admin/")
    page.get_by_label("Username").fill("wang")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


def act_on_order(desk: Page, order: Order, action: str) -> None:
    """Choose an order in the list, and an action for it."""
    desk.goto(f"{desk.url.partition('/admin/')[0]}/admin/orders/order/?q={order.number}")
    desk.locator("input.action-select").check()
    desk.locator("select[name=action]").select_option(label=action)
    desk.get_by_role("button", name="Run").click()
    expect(desk.get_by_text("1 order changed.")).to_be_visible()


def place_order(page: Page, address: str) -> Order:
    page.goto(f"{address}/checkout")
    page.get_by_label("Your name").fill("Li Lei")
    page.get_by_label("Street and number").fill("Nanjing Road 1")
    page.get_by_label("City").fill("Shanghai")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_text("Thank you! Your order is placed.")).to_be_visible()
    return Order.objects.latest("created_at")


def test_a_guest_shops_logs_in_orders_is_paid_in_admin_and_cancels_another_order(
    window: Window, desk: Page
) -> None:
    new_user(username="lilei", password=make_password(PASSWORD)).add(put_on_sale("Atlas"), 1)
    globe = put_on_sale("Globe", "80.00", stock=5)
    page = window.open("/")

    add_from_product_page(page, window.address, globe, 2)
    page.goto(f"{window.address}/login")
    page.get_by_label("Username or e-mail").fill("lilei")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("region", name="Your carts are one now")).to_be_visible()
    paid = place_order(page, window.address)
    act_on_order(desk, paid, "Mark as paid")
    wake(page)

    expect(page.locator("#order .status")).to_have_text("Paid")
    assert (paid.item_count, str(paid.total_amount)) == (3, "170.00")

    add_from_product_page(page, window.address, globe, 1)
    cancelled = place_order(page, window.address)
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_role("button", name="Cancel, and put it back into my cart").click()

    expect(page.locator("#order .status")).to_have_text("Cancelled")
    globe.refresh_from_db()
    assert globe.stock == 3
    desk.reload()
    desk.goto(f"{window.address}/admin/orders/order/?q={cancelled.number}")
    expect(desk.locator("#result_list")).to_contain_text("Cancelled")


def test_staff_find_a_cart_that_has_drifted_and_mend_it(desk: Page, guest: Shopper) -> None:
    guest.add(put_on_sale("Sundial", code="SUN-1"), 2)
    new_guest().add(put_on_sale("Clock"), 1)
    save_all()
    CartItem.objects.filter(cart=row_of(guest)).update(quantity=7)

    desk.get_by_role("link", name=re.compile(r"\bCarts$")).click()
    desk.get_by_role("searchbox", name="Find a cart").fill("SUN-1")
    desk.keyboard.press("Enter")
    desk.locator(".cart-table tbody a").click()
    expect(desk.get_by_text("The two copies have drifted apart")).to_be_visible()
    desk.get_by_role("button", name="Repair…").click()
    expect(desk.get_by_role("row", name="SUN-1 2 7 2")).to_be_visible()
    desk.get_by_role("button", name="Repair").click()

    expect(desk.get_by_text("Both copies agree")).to_be_visible()
    expect(desk.get_by_role("row", name="wang")).to_be_visible()
    assert CartItem.objects.get(cart=row_of(guest)).quantity == 2


def test_no_page_of_the_staff_has_a_serious_accessibility_finding(
    desk: Page, guest: Shopper
) -> None:
    sku = put_on_sale("Sundial")
    guest.add(sku, 2)
    save_all()
    origin = desk.url.partition("/admin/")[0]
    found = {}
    for path in (
        "/admin/",
        "/admin/carts/cart/",
        f"/admin/carts/cart/find/?sku={sku.pk}",
        f"/admin/carts/cart/{row_of(guest).pk}/change/",
        "/admin/carts/cartchange/",
        "/admin/orders/order/",
        "/admin/orders/payment/",
        "/admin/products/product/",
        "/admin/products/sku/",
        "/admin/products/merchant/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{User.objects.get(username='wang').pk}/change/",
        "/admin/django_celery_beat/periodictask/",
    ):
        desk.goto(origin + path)
        found[path] = serious_findings(desk)

    assert found == dict.fromkeys(found, [])


def test_what_asks_the_staff_to_confirm_has_no_serious_accessibility_finding(
    desk: Page, guest: Shopper
) -> None:
    guest.add(put_on_sale("Sundial"), 2)
    save_all()

    desk.goto(f"{desk.url}carts/cart/{row_of(guest).pk}/change/")
    desk.get_by_role("button", name="Clear…").click()

    expect(desk.get_by_role("link", name="Back, change nothing")).to_be_visible()
    assert serious_findings(desk) == []


def test_an_order_is_cancelled_from_its_page_once_that_is_confirmed(
    desk: Page, guest: Shopper
) -> None:
    order = buy(guest, put_on_sale("Sundial"))
    desk.goto(f"{desk.url}orders/order/{order['id']}/change/")
    assert serious_findings(desk) == []

    desk.get_by_role("button", name="Cancel order…").click()
    expect(desk.get_by_text("A cancelled order stays cancelled.")).to_be_visible()
    assert serious_findings(desk) == []
    desk.get_by_role("button", name="Cancel orders").click()

    expect(desk.get_by_text("1 order changed.")).to_be_visible()
    expect(desk.get_by_role("button", name="Cancel order…")).to_be_hidden()
    assert Order.objects.get().status == "CANCELLED"


def test_the_pages_of_carts_fit_a_phone(desk: Page, guest: Shopper) -> None:
    sku = put_on_sale("Sundial")
    guest.add(sku, 2)
    save_all()
    home, widths = desk.url, {}
    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]

    for path in ("", f"{row_of(guest).pk}/change/", f"find/?sku={sku.pk}"):
        desk.goto(f"{home}carts/cart/{path}")
        widths[path] = desk.evaluate("document.documentElement.scrollWidth")

    assert widths == dict.fromkeys(widths, PHONE["width"])
