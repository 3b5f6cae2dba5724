"""The staff's own pages, as they come out in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carts.log.rows import drain_streams
from carts.models import CartChange
from config.admin import figures
from tests.accounts.factories import PASSWORD, StaffFactory
from tests.browser.goods import put_on_sale
from tests.browser.test_pages import PHONE, serious_findings
from tests.browser.windows import Window
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import new_guest

# How many points each drawn chart has.
_POINTS = "[...document.querySelectorAll('canvas')].map(c => Chart.getChart(c)?.data.labels.length)"


@pytest.fixture
def sign_in(open_window: Callable[..., Window]) -> Callable[..., Page]:
    """A way into the admin: the page one comes to; the arguments are those of a window."""
    figures.forget_figures()

    def sign_in(**settings: object) -> Page:
        page = open_window(**settings).open("/admin/")
        page.locator("[name=username]").fill(StaffFactory.create().username)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[type=submit]").click()
        return page

    return sign_in


def test_the_dashboard_draws_its_charts_and_opens_their_tables(
    sign_in: Callable[..., Page],
) -> None:
    new_guest().add(put_on_sale("Tea"), 2)
    save_all()
    drain_streams()

    page = sign_in()

    expect(page.locator(".staff-card").first).to_contain_text("Live carts")
    page.wait_for_function(f"() => String({_POINTS}) === '48,30'")
    page.get_by_text("As a table").last.click()
    expect(page.locator("details[open] tbody tr").first).to_contain_text("1")


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-US"), ("dark", "zh-CN")])
def test_the_dashboard_has_no_serious_accessibility_finding(
    sign_in: Callable[..., Page], scheme: str, locale: str
) -> None:
    new_guest().add(put_on_sale("Tea"), 2)
    drain_streams()

    page = sign_in(color_scheme=scheme, locale=locale)

    expect(page.locator(".staff-card")).to_have_count(6)
    assert serious_findings(page) == []


def test_the_other_pages_have_none_either(sign_in: Callable[..., Page]) -> None:
    sku = put_on_sale("Tea")
    new_guest().add(sku, 2)
    drain_streams()
    page = sign_in()
    home = page.url

    def look(path: str) -> list[str]:
        page.goto(home + path)
        # Scripts name what the theme leaves without a name once a page has loaded.
        page.wait_for_load_state("networkidle")
        return serious_findings(page)

    paths = [
        "products/product/",
        f"products/product/{sku.product_id}/change/",
        f"products/sku/{sku.pk}/change/",
        "products/stockchange/",
        "carts/cartchange/",
        f"carts/cartchange/{CartChange.objects.get().pk}/change/",
        "django_celery_beat/periodictask/add/",
        "auth/group/add/",
    ]
    assert {path: look(path) for path in paths} == {path: [] for path in paths}


def test_the_dashboard_fits_a_phone(sign_in: Callable[..., Page]) -> None:
    page = sign_in(viewport=PHONE)

    expect(page.locator(".staff-card")).to_have_count(6)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_stock_is_adjusted_on_the_way_from_a_product_by_its_sku(
    sign_in: Callable[..., Page],
) -> None:
    sku = put_on_sale("Tea", stock=5)
    page = sign_in()
    page.goto(page.url + f"products/product/{sku.product_id}/change/")

    page.locator("#skus-group").get_by_role("link", name="Change").click()
    page.get_by_role("link", name="Adjust stock").click()
    page.locator("[name=units]").fill("-6")
    page.locator("[name=reason]").select_option("damage")
    page.get_by_role("button", name="Adjust stock").click()
    expect(page.get_by_text("There are only 5 units left.")).to_be_visible()
    assert serious_findings(page) == []
    page.locator("[name=units]").fill("-2")
    page.get_by_role("button", name="Adjust stock").click()

    expect(page.get_by_text("stock 5 → 3")).to_be_visible()
    page.locator("#tabs-items").get_by_text("Stock changes").click()
    expect(page.get_by_role("cell", name="Damaged or lost")).to_be_visible()
