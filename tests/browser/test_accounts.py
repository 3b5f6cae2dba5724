"""Signing in and out, alone and in several tabs and devices at once."""

from collections.abc import Callable

from django.contrib.auth.hashers import make_password
from playwright.sync_api import Page, Request, Response, Route, expect

from accounts.models import User
from products.models import Sku
from tests.accounts.factories import PASSWORD, UserFactory
from tests.browser.goods import add_from_product_page, change_stock, find_line, put_on_sale
from tests.browser.windows import Window, stored_session, wake
from tests.carts.shopper import Shopper, new_user

TABS = 4


def log_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username or e-mail").fill(username)
    page.get_by_label("Password").fill(password)
    page.locator("main").get_by_role("button", name="Log in").click()


def with_cart(sku: Sku, quantity: int) -> User:
    """Return a user with some units of a SKU in the cart."""
    shopper = new_user()
    shopper.add(sku, quantity)
    return User.objects.get(pk=shopper.owner_id)


def test_login_merges_the_carts_and_says_what_became_of_them(
    guest_window: Window, guest: Shopper
) -> None:
    user = new_user(username="lilei", password=make_password(PASSWORD))
    scarce, plenty = put_on_sale("Globe", stock=9), put_on_sale("Atlas", "25.00")
    user.add(scarce, 6)
    guest.add(scarce, 5)
    guest.add(plenty, 2)

    page = guest_window.open("/login")
    expect(page.get_by_text("The 2 items in your cart will come along.")).to_be_visible()
    log_in(page, "lilei")

    report = page.get_by_role("region", name="Your carts are one now")
    expect(report).to_contain_text("2 items from before you logged in were added to your cart.")
    expect(report).to_contain_text("Globe: 9 instead of 11 (not enough in stock)")
    expect(page.get_by_role("spinbutton", name="Quantity of Globe")).to_have_value("9")
    expect(page.get_by_role("spinbutton", name="Quantity of Atlas")).to_have_value("2")
    page.reload()
    expect(page.locator("main .line")).to_have_count(2)
    expect(report).to_be_hidden()


def test_who_registered_a_name_with_an_at_sign_can_sign_in_by_it(window: Window) -> None:
    UserFactory.create(username="lei@home", email="lilei@example.com")

    page = window.open("/login")
    log_in(page, "Lei@home")

    expect(page.locator("#user-name")).to_have_text("lei@home")


def test_a_wrong_password_is_told_and_the_guest_keeps_the_cart(
    guest_window: Window, guest: Shopper
) -> None:
    UserFactory.create(username="lilei")
    guest.add(put_on_sale("Scarf"))

    page = guest_window.open("/login")
    log_in(page, "lilei", "not the password")

    expect(page.locator("main").get_by_role("alert")).to_have_text(
        "That name and password do not match."
    )
    expect(page.locator("#cart-count")).to_have_text("1")


def test_register_says_beside_each_field_what_is_wrong_with_it(
    open_window: Callable[..., Window],
) -> None:
    UserFactory.create(username="lilei", email="lilei@example.com")
    page = open_window(locale="zh-CN").open("/register")

    page.get_by_role("button", name="注册").click()
    expect(page.get_by_text("请填写此项。")).to_have_count(3)
    expect(page.get_by_label("用户名")).to_be_focused()
    page.get_by_label("用户名").fill("lilei")
    page.get_by_label("邮箱").fill("hanmeimei@example.com")
    page.get_by_label("密码").fill("tangerine-sky-42")
    page.get_by_role("button", name="注册").click()
    expect(page.get_by_text("用户名已被使用。")).to_be_visible()
    page.get_by_label("用户名").fill("hanmeimei")
    page.get_by_label("密码").fill("password")
    page.get_by_role("button", name="注册").click()
    expect(page.get_by_text("这个密码太常见。")).to_be_visible()
    page.get_by_label("密码").fill("tangerine-sky-42")
    page.get_by_role("button", name="注册").click()

    expect(page.locator("#user-name")).to_have_text("hanmeimei")
    assert User.objects.filter(username="hanmeimei").exists()


def test_a_change_in_one_tab_is_in_the_other_at_once(window: Window) -> None:
    sku = put_on_sale("Rug", "70.00")
    second = window.open("/cart")
    expect(second.locator("main").get_by_text("Your cart is empty.")).to_be_visible()
    first = window.open_tab()

    add_from_product_page(first, window.address, sku)
    expect(find_line(second, sku)).to_be_visible()
    first.goto(f"{window.address}/cart")
    first.get_by_role("button", name="One Rug more").click()

    expect(second.get_by_role("spinbutton", name="Quantity of Rug")).to_have_value("2")
    expect(second.locator("#cart-count")).to_have_text("2")


def test_signing_in_and_out_reaches_the_other_tab(window: Window) -> None:
    user = UserFactory.create()
    watching = window.open("/")
    acting = window.open("/login?next=/orders")
    log_in(acting, user.username)

    expect(watching.locator("#user-name")).to_have_text(user.username)
    acting.get_by_label("Account", exact=True).click()
    acting.get_by_role("button", name="Log out").click()

    expect(watching.get_by_role("link", name="Log in")).to_be_visible()
    expect(watching.get_by_text("You are signed out.")).to_be_visible()
    assert watching.evaluate("Object.keys(localStorage)") == []


def open_tabs_together(window: Window) -> list[Response]:
    """Open tabs whose shared refresh token works once; return what was refused to them."""
    refused: list[Response] = []
    tabs = [window.open_tab() for _ in range(TABS)]
    for tab in tabs:
        tab.on("response", lambda answer: refused.append(answer) if answer.status == 401 else None)
    for tab in tabs:
        tab.goto(f"{window.address}/cart", wait_until="commit")
    for tab in tabs:
        expect(tab.get_by_role("spinbutton", name="Quantity of Bell")).to_have_value("3")
        expect(tab.get_by_role("link", name="Log in")).to_be_hidden()
    return refused


def test_tabs_opened_together_take_turns_in_renewing_their_token(
    open_window: Callable[..., Window],
) -> None:
    user = with_cart(put_on_sale("Bell"), 3)

    assert open_tabs_together(open_window(stored_session(user, token_seconds=0))) == []


def test_tabs_that_cannot_take_turns_stay_signed_in_all_the_same(
    open_window: Callable[..., Window],
) -> None:
    user = with_cart(put_on_sale("Bell"), 3)
    window = open_window(stored_session(user, token_seconds=0))
    window.context.add_init_script("Object.defineProperty(navigator, 'locks', {})")
    waiting: list[Route] = []

    def let_go_together(route: Route) -> None:
        waiting.append(route)
        if len(waiting) >= TABS:
            for each in waiting if len(waiting) == TABS else waiting[-1:]:
                each.continue_()

    window.context.route("**/api/auth/refresh", let_go_together)

    # Each gets a pair of the same family.
    assert open_tabs_together(window) == []


def test_a_rejected_token_is_renewed_without_the_buyer_noticing(
    open_window: Callable[..., Window],
) -> None:
    user = with_cart(put_on_sale("Drum"), 1)
    page = open_window(stored_session(user)).open("/cart")
    rejected = iter([True])

    def reject_once(route: Route, request: Request) -> None:
        worthless = {"authorization": "Bearer a.b.c"} if next(rejected, False) else {}
        route.continue_(headers=request.headers | worthless)

    page.route("**/api/cart/item/*", reject_once)
    more = page.get_by_role("button", name="One Drum more")
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        more.click()

    page.reload()
    expect(page.get_by_role("spinbutton", name="Quantity of Drum")).to_have_value("2")
    expect(page.locator("#user-name")).to_have_text(user.username)


def test_a_dead_session_ends_as_a_guest_who_is_told(open_window: Callable[..., Window]) -> None:
    user = with_cart(put_on_sale("Harp"), 1)
    window = open_window(stored_session(user, token_seconds=0))
    User.objects.filter(pk=user.pk).update(is_active=False)

    page = window.open("/cart")

    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    expect(page.locator("main").get_by_text("Your cart is empty.")).to_be_visible()


def test_two_devices_share_the_cart_of_a_user(open_window: Callable[..., Window]) -> None:
    sku = put_on_sale("Cello", stock=20)
    user = with_cart(sku, 1)
    at_desk = open_window(stored_session(user)).open("/cart")
    on_phone = open_window(
        stored_session(user), viewport={"width": 360, "height": 740}, has_touch=True
    ).open("/cart")
    expect(find_line(at_desk, sku)).to_be_visible()

    with on_phone.expect_response(lambda answer: answer.request.method == "PUT"):
        on_phone.get_by_role("button", name="One Cello more").tap()
    change_stock(sku, 5)
    wake(at_desk)

    expect(at_desk.get_by_role("spinbutton", name="Quantity of Cello")).to_have_value("2")
    expect(find_line(at_desk, sku)).to_contain_text("Only 5 left")
