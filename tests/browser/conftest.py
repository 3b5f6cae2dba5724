"""A live shop, and a real Chromium to visit it with.

Debian's `chromium` is used, or the one CHROMIUM names. Where there is none, these tests are
skipped, except in CI, where that is a failure.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from pytest_django.live_server_helper import LiveServer

from tests.browser.windows import Window, stored_guest
from tests.carts.shopper import Shopper, new_guest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_LIMITS = dict.fromkeys(
    (
        "RATE_LIMIT_CART_WRITES",
        "RATE_LIMIT_CART_WRITES_PER_ADDRESS",
        "RATE_LIMIT_LOGIN",
        "RATE_LIMIT_LOGIN_PER_ACCOUNT",
        "RATE_LIMIT_LOGIN_PER_ADDRESS",
        "RATE_LIMIT_MERGE",
        "RATE_LIMIT_ORDERS",
        "RATE_LIMIT_ORDERS_PER_ADDRESS",
        "RATE_LIMIT_ORDER_READS_PER_ADDRESS",
        "RATE_LIMIT_CATALOGUE_PER_ADDRESS",
        "ORDER_MAX_PENDING",
        "ORDER_MAX_PENDING_UNITS",
        "ORDER_MAX_PENDING_PER_ADDRESS",
        "ORDER_MAX_PENDING_UNITS_PER_ADDRESS",
    ),
    0,
)
# What a page may take to react, on a machine that runs all tests at once.
TIMEOUT_MS = 60_000
CLOSING_MS = 10_000


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A browser, closed again before other tests run in this process."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium: CI must have one")
        pytest.skip("no chromium")
    with pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop in this thread, where Django then suspects async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            expect.set_options(timeout=TIMEOUT_MS)
            process = _find_process(browser)
            yield browser
            # Asked to close, it would wait for a tab that does not.
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def open_window(chromium: Browser, live_server: LiveServer) -> Iterator[Callable[..., Window]]:
    """A maker of windows; what went wrong in any of them fails the test.

    `stored` is what is in localStorage, the rest is Playwright's.
    """
    windows: list[Window] = []

    def open_window(stored: Mapping[str, str] | None = None, **settings: Any) -> Window:
        items = [{"name": key, "value": value} for key, value in (stored or {}).items()]
        origin = {"origin": live_server.url, "localStorage": items}
        storage = {"storage_state": {"origins": [origin]}}
        context = chromium.new_context(**{"locale": "en-US"} | storage | settings)
        context.set_default_timeout(TIMEOUT_MS)
        windows.append(Window(live_server.url, context))
        return windows[-1]

    with override_settings(**NO_LIMITS):
        yield open_window
        for window in windows:
            # The tabs alone: closing a context as well was seen to wait for ever. They end with
            # the browser.
            for page in window.context.pages:
                _close_tab(chromium, page)
    assert [fault for window in windows for fault in window.faults] == []


@pytest.fixture
def guest() -> Shopper:
    """A guest, whose cart can be filled without a browser."""
    return new_guest()


@pytest.fixture
def guest_window(open_window: Callable[..., Window], guest: Shopper) -> Window:
    """A window of that guest."""
    return open_window(stored_guest(guest))


@pytest.fixture
def window(open_window: Callable[..., Window]) -> Window:
    """A window of a visitor who was never here before."""
    return open_window()


def _find_process(browser: Browser) -> int:
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    [process] = [each["id"] for each in processes if each["type"] == "browser"]
    return int(process)


def _close_tab(browser: Browser, page: Page) -> None:
    """Close a tab, and wait until it is closed, but not for ever.

    Of a tab where somebody has signed in and out Chromium does not always say that it is closed.
    """
    about = page.context.new_cdp_session(page).send("Target.getTargetInfo")
    target = {"targetId": about["targetInfo"]["targetId"]}
    with suppress(PlaywrightTimeout), page.expect_event("close", timeout=CLOSING_MS):
        browser.new_browser_cdp_session().send("Target.closeTarget", target)
