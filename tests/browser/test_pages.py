"""Every page: accessible, fit for a phone, in both languages, by keyboard, under its policy."""

import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from playwright.sync_api import Page, expect

from config.shop.views import show_failure
from tests.browser.goods import change_price, change_stock, put_on_sale, take_off_shelf
from tests.browser.windows import Window
from tests.carts.shopper import Shopper, item_id

PHONE = {"width": 360, "height": 740}
PATHS = {
    "catalog": "/",
    "nothing found": "/?search=zzzz",
    "product": "/products/{product}",
    "no such product": "/products/nothing",
    "cart": "/cart",
    "checkout": "/checkout",
    "orders": "/orders",
    "order": "/orders/{order}",
    "login": "/login",
    "register": "/register",
    "no such page": "/nothing/here",
}


@pytest.fixture
def names(guest: Shopper, guest_window: Window) -> dict[str, str]:
    """What addresses need to name; the guest's cart has everything that can be the matter."""
    bought, short, changed, gone = skus = [
        put_on_sale(f"A rather long name of a {what} for a narrow screen", stock=30)
        for what in ("carpet", "cupboard", "candle", "clock")
    ]
    for sku in skus:
        cart = guest.add(sku, 6)
    order = guest.data(
        "POST",
        "/orders",
        {"itemIds": [item_id(cart, bought)], "contact": {"email": "lilei@example.com"}},
    )
    change_stock(short, 4)
    change_price(changed, "1299.99")
    take_off_shelf(gone)
    return {"product": short.product_id, "order": order["id"]}


def visit_all(window: Window, names: dict[str, str], look: Callable[[Page], object]) -> object:
    """Look at every page once it has come to rest, and return what was seen by page."""
    page = window.open_tab()
    seen = {}
    for name, path in PATHS.items():
        page.goto(window.address + path.format(**names))
        expect(page.locator(".spinner:visible, .grid[aria-busy=true]")).to_have_count(0)
        seen[name] = look(page)
    window.forgive("404 (Not Found) (/nothing/here)")
    return seen


def serious_findings(page: Page) -> list[str]:
    """Return what axe finds to be serious or critical."""
    return [
        f"{finding['id']}: {[node['html'] for node in finding['nodes']]}"
        for finding in Axe().run(page).response["violations"]
        if finding["impact"] in {"serious", "critical"}
    ]


def test_no_page_has_a_serious_accessibility_finding_by_day_or_night(
    guest_window: Window, names: dict[str, str]
) -> None:
    def look(page: Page) -> list[str]:
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        by_day = serious_findings(page)
        page.emulate_media(color_scheme="dark")
        return by_day + serious_findings(page)

    assert visit_all(guest_window, names, look) == dict.fromkeys(PATHS, [])


def test_the_drawer_has_no_serious_accessibility_finding(
    guest_window: Window, names: dict[str, str]
) -> None:
    page = guest_window.open("/")
    page.emulate_media(reduced_motion="reduce")
    page.locator("#cart-link").click()
    expect(page.locator("#drawer .line")).to_have_count(3)

    assert serious_findings(page) == []


def test_no_page_is_wider_than_a_phone(guest_window: Window, names: dict[str, str]) -> None:
    def look(page: Page) -> int:
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        return int(page.evaluate("document.documentElement.scrollWidth"))

    assert visit_all(guest_window, names, look) == dict.fromkeys(PATHS, PHONE["width"])


def test_the_drawer_fits_a_phone(guest_window: Window, names: dict[str, str]) -> None:
    page = guest_window.open_tab()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(guest_window.address)
    page.locator("#cart-link").click()
    expect(page.locator("#drawer .line")).to_have_count(3)

    body = page.locator(".drawer-body")
    assert body.evaluate("body => body.scrollWidth - body.clientWidth") == 0


def test_the_shop_speaks_the_browsers_language_until_told_otherwise(
    open_window: Callable[..., Window],
) -> None:
    put_on_sale("Tea", "12.50", stock=2)

    page = open_window(locale="zh-CN").open("/")
    expect(page.get_by_placeholder("搜索商品")).to_be_visible()
    expect(page.locator(".card")).to_contain_text("仅剩 2 件")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_placeholder("Search products")).to_be_visible()
    expect(page.locator(".card")).to_contain_text("Only 2 left")
    page.goto(page.url + "cart")

    expect(page.get_by_role("heading", name="Your cart").first).to_be_visible()


def test_the_shop_can_be_used_by_keyboard_alone(window: Window) -> None:
    put_on_sale("Inkwell")
    page = window.open("/")
    add = page.get_by_role("button", name="Add Inkwell to the cart")
    expect(add).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    add.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Your cart")
    expect(drawer.locator(".line")).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        # Between the last and the first, the focus may be on the browser itself.
        assert page.evaluate("document.activeElement.matches('body, #drawer *')")
    page.keyboard.press("Escape")

    expect(drawer).to_be_hidden()
    expect(add).to_be_focused()


def test_a_total_that_comes_to_rest_is_read_out(guest_window: Window, guest: Shopper) -> None:
    guest.add(put_on_sale("Quill", "3.00"))
    page = guest_window.open("/cart")

    page.get_by_role("button", name="One Quill more").click()

    expect(page.get_by_role("status")).to_contain_text("2 units selected: ¥6.00")


def test_the_documentation_works_under_its_policy(window: Window) -> None:
    page = window.open("/api/docs")

    expect(page.get_by_role("heading", name="Cartwright")).to_be_visible()
    page.get_by_role("button", name="GET /api/merchants").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".responses-table.live-responses-table")).to_contain_text("200")


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PATHS.values(), "/api/docs"])
def test_nothing_runs_in_a_page_but_files_of_its_own_host(path: str, client: Client) -> None:
    response: HttpResponse = client.get(path)  # type: ignore[assignment]

    policy = dict(rule.split(" ", 1) for rule in response["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in json.dumps(policy)
    body = response.content.decode()
    assert re.findall(r"<script>|<style|<[^>]* (?:style|on\w+)=", body) == []


def test_a_failure_is_told_in_a_page_that_depends_on_nothing(rf: RequestFactory) -> None:
    request: HttpRequest = rf.get("/")

    response = show_failure(request)

    assert isinstance(response, HttpResponse)
    assert response.status_code == 500
    assert "Something broke" in response.content.decode()
    assert "Content-Security-Policy" in response
