"""A guest looks around, fills a cart and changes it."""

from playwright.sync_api import Locator, Page, Request, expect

from products.models import Product, Sku
from tests.browser.goods import (
    change_price,
    change_stock,
    find_line,
    put_on_sale,
    take_off_shelf,
)
from tests.browser.windows import Window, wake
from tests.carts.shopper import Shopper
from tests.factories import MerchantFactory, SkuFactory


def total_of(page: Page) -> Locator:
    return page.locator('main [data-slot="cart-total"]')


def open_cart_with(window: Window, guest: Shopper, *skus: Sku, quantity: int = 1) -> Page:
    for sku in skus:
        guest.add(sku, quantity)
    page = window.open("/cart")
    expect(page.locator("main .line")).to_have_count(len(skus))
    return page


def test_the_grid_is_searched_filtered_and_paged_by_its_address(window: Window) -> None:
    lumen = MerchantFactory.create(name="Lumen")
    for number in range(24):
        put_on_sale(f"Lamp {number:02d}", merchant=lumen)
    put_on_sale("Teapot", stock=0)

    page = window.open("/?ordering=name")
    expect(page.get_by_role("status").filter(has_text="25 products")).to_be_visible()
    page.get_by_role("link", name="Page 2").click()
    expect(page.locator(".card")).to_have_count(5)
    page.get_by_role("radio", name="Lumen").check()
    expect(page.get_by_text("24 products")).to_be_visible()
    page.get_by_label("Search products").fill("lamp 07")
    expect(page.locator(".card")).to_have_count(1)
    assert page.url.endswith(f"/?search=lamp+07&merchantId={lumen.pk}&ordering=name")
    page.go_back()
    expect(page.get_by_text("24 products")).to_be_visible()
    page.get_by_role("radio", name="All merchants").check()
    page.get_by_role("checkbox", name="In stock only").check()
    expect(page.get_by_text("24 products")).to_be_visible()
    expect(page.get_by_text("Teapot")).to_have_count(0)


def test_a_variant_is_chosen_and_added(window: Window) -> None:
    small = put_on_sale("Kettle", "20.00", attributes={"Size": "S"})
    large = SkuFactory.create(product=small.product, price="30.00", attributes={"Size": "L"})

    page = window.open("/")
    page.get_by_role("link", name="Choose a variant of Kettle").click()
    page.get_by_role("radio", name="L ¥30.00").check()
    page.get_by_role("button", name="One more").click()
    page.get_by_role("button", name="Add to cart").click()

    drawer = page.get_by_role("dialog", name="Your cart")
    expect(drawer.locator(".line")).to_have_count(1)
    expect(drawer.locator(".line")).to_contain_text("L")
    expect(drawer.locator('[data-slot="cart-total"]')).to_have_text("¥60.00")
    expect(page.locator("#cart-count")).to_have_text("2")
    assert page.url.endswith(f"?sku={large.pk}")


def test_a_quantity_shows_at_once_and_is_sent_once(guest_window: Window, guest: Shopper) -> None:
    sku = put_on_sale("Mug", "12.50")
    page = open_cart_with(guest_window, guest, sku)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "PUT" else None)

    more = page.get_by_role("button", name="One Mug more")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        more.evaluate("button => { button.click(); button.click(); button.click(); }")
        assert total_of(page).inner_text() == "¥50.00"

    page.wait_for_timeout(500)
    assert [request.post_data_json for request in sent] == [{"quantity": 4}]
    page.reload()
    expect(page.get_by_role("spinbutton", name="Quantity of Mug")).to_have_value("4")


def test_a_quantity_of_none_is_taken_back_at_once(guest_window: Window, guest: Shopper) -> None:
    page = open_cart_with(guest_window, guest, put_on_sale("Jug", "12.50"), quantity=2)
    field = page.get_by_role("spinbutton", name="Quantity of Jug")

    field.fill("0")
    expect(field).to_have_value("2")
    expect(total_of(page)).to_have_text("¥25.00")
    field.press("3")

    expect(field).to_have_value("3")
    expect(total_of(page)).to_have_text("¥37.50")


def test_an_unfinished_quantity_is_taken_back_by_enter(
    guest_window: Window, guest: Shopper
) -> None:
    page = open_cart_with(guest_window, guest, put_on_sale("Jar"), quantity=2)
    field = page.get_by_role("spinbutton", name="Quantity of Jar")

    field.fill("1.5")
    field.press("Enter")

    expect(field).to_have_value("2")


def test_a_shop_that_can_be_reached_again_is_no_longer_said_to_be_out_of_reach(
    guest_window: Window, guest: Shopper
) -> None:
    page = open_cart_with(guest_window, guest, put_on_sale("Tray"))
    refusal = page.locator("main .line").get_by_role("alert")
    guest_window.context.set_offline(True)
    page.get_by_role("button", name="One Tray more").click()
    expect(refusal).to_contain_text("cannot be reached")

    guest_window.context.set_offline(False)

    expect(refusal).to_be_hidden()
    guest_window.forgive("net::ERR")


def test_what_could_not_be_loaded_is_loaded_when_the_network_is_back(window: Window) -> None:
    put_on_sale("Broom")
    page = window.open("/orders")
    page.route("**/api/products?*", lambda route: route.abort())
    page.goto(window.address)
    expect(page.locator("#failure")).to_contain_text("cannot be reached")

    page.unroute("**/api/products?*")
    page.evaluate("window.dispatchEvent(new Event('online'))")

    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#failure")).to_be_hidden()
    window.forgive("net::ERR")


def test_a_refused_quantity_is_taken_back_and_says_why(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Vase", stock=50)
    page = open_cart_with(guest_window, guest, sku)
    change_stock(sku, 3)

    page.get_by_role("spinbutton", name="Quantity of Vase").fill("5")

    line = find_line(page, sku)
    expect(line.get_by_role("alert")).to_have_text("Only 3 left")
    page.get_by_role("spinbutton", name="Quantity of Vase").blur()
    expect(page.get_by_role("spinbutton", name="Quantity of Vase")).to_have_value("1")
    expect(total_of(page)).to_have_text("¥10.00")


def test_more_than_a_customer_may_buy_is_refused_with_the_limit(window: Window) -> None:
    sku = put_on_sale("Ticket", purchase_limit=2)

    page = window.open(f"/products/{sku.product_id}")
    page.get_by_role("spinbutton", name="Quantity").fill("3")
    page.get_by_role("button", name="Add to cart").click()

    expect(page.locator("main").get_by_role("alert")).to_have_text("At most 2 per customer")
    expect(page.locator("#cart-badge")).to_be_hidden()


def test_a_limit_that_is_refused_in_the_cart_is_told_once(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Ticket", purchase_limit=2)
    page = open_cart_with(guest_window, guest, sku, quantity=2)
    limit = find_line(page, sku).get_by_text("At most 2 per customer")
    expect(limit).to_be_visible()

    page.get_by_role("button", name="One Ticket more").click()

    expect(find_line(page, sku).get_by_role("alert")).to_have_text("At most 2 per customer")
    expect(limit.filter(visible=True)).to_have_count(1)
    expect(page.get_by_role("spinbutton", name="Quantity of Ticket")).to_have_value("2")


def test_a_line_that_outgrew_the_stock_is_reduced_by_one_click(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Bowl", stock=20)
    page = open_cart_with(guest_window, guest, sku, quantity=8)
    change_stock(sku, 5)

    wake(page)
    expect(find_line(page, sku)).to_contain_text("Only 5 left")
    page.get_by_role("button", name="Take 5").click()

    expect(page.get_by_role("spinbutton", name="Quantity of Bowl")).to_have_value("5")
    expect(page.get_by_role("button", name="Take 5")).to_be_hidden()


def test_lines_are_selected_one_by_one_by_merchant_and_all(
    guest_window: Window, guest: Shopper
) -> None:
    north, south = MerchantFactory.create(name="North"), MerchantFactory.create(name="South")
    skus = [
        put_on_sale("Fork", "1.00", north),
        put_on_sale("Knife", "2.00", north),
        put_on_sale("Spoon", "4.00", south),
    ]
    page = open_cart_with(guest_window, guest, *skus)
    total = total_of(page)
    of_north = page.get_by_label("North")
    expect(total).to_have_text("¥7.00")

    page.get_by_label("Select Fork").uncheck()
    expect(total).to_have_text("¥6.00")
    assert of_north.evaluate("box => box.indeterminate")
    of_north.check()
    expect(total).to_have_text("¥7.00")
    of_north.uncheck()
    expect(total).to_have_text("¥4.00")
    page.get_by_label("Select all").check()
    expect(total).to_have_text("¥7.00")
    page.get_by_label("South").uncheck()
    expect(total).to_have_text("¥3.00")

    page.wait_for_load_state("networkidle")
    page.reload()
    expect(total).to_have_text("¥3.00")
    expect(page.get_by_label("South")).not_to_be_checked()


def test_unavailable_goods_keep_their_snapshot_and_come_back(
    guest_window: Window, guest: Shopper
) -> None:
    gone, stays = put_on_sale("Clock", "99.00"), put_on_sale("Stool", "40.00")
    page = open_cart_with(guest_window, guest, gone, stays)
    take_off_shelf(gone)

    wake(page)
    line = page.locator(".unavailable .line")
    expect(line).to_contain_text("Clock")
    expect(line).to_contain_text("¥99.00 × 1")
    expect(line).to_contain_text("Not sold at the moment")
    expect(total_of(page)).to_have_text("¥40.00")

    Product.objects.filter(pk=gone.product_id).update(status=1)
    wake(page)
    expect(page.locator("main .unavailable")).to_be_hidden()
    expect(total_of(page)).to_have_text("¥139.00")


def test_a_new_price_shows_in_an_open_cart_until_it_is_accepted(
    guest_window: Window, guest: Shopper
) -> None:
    sku = put_on_sale("Lamp", "50.00")
    page = open_cart_with(guest_window, guest, sku)
    change_price(sku, "45.50")

    wake(page)
    line = find_line(page, sku)
    expect(line).to_contain_text("Price went down from ¥50.00 to ¥45.50")
    expect(total_of(page)).to_have_text("¥45.50")
    expect(page.get_by_text("1 price has changed since you added it.")).to_be_visible()
    page.get_by_role("button", name="Accept new prices").click()

    expect(line).not_to_contain_text("Price went down")
    expect(page.get_by_role("button", name="Accept new prices")).to_be_hidden()


def test_a_removed_line_comes_back_by_undo(guest_window: Window, guest: Shopper) -> None:
    sku, other = put_on_sale("Chair", "80.00"), put_on_sale("Table", "300.00")
    page = open_cart_with(guest_window, guest, sku, other, quantity=3)

    page.get_by_role("button", name="Remove Chair").click()
    expect(page.locator("main .line")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove Table")).to_be_focused()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("spinbutton", name="Quantity of Chair")).to_have_value("3")
    expect(total_of(page)).to_have_text("¥1,140.00")


def test_an_emptied_cart_comes_back_by_undo(guest_window: Window, guest: Shopper) -> None:
    page = open_cart_with(guest_window, guest, put_on_sale("Pot"), put_on_sale("Pan"))

    page.get_by_role("button", name="Empty the cart").click()
    expect(page.locator("main").get_by_text("Your cart is empty.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("main .line")).to_have_count(2)
