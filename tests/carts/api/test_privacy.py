"""A guest id is a secret: whoever knows it has the cart. Nothing that is logged tells it."""

import logging
from typing import Any

import pytest

from carts.operations import lines
from config.logs import JSONFormatter
from tests.carts.api.test_store_down import without_store
from tests.carts.shopper import Shopper, addition_of, item_id
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def formatted(records: list[logging.LogRecord]) -> str:
    line = logging.Formatter("%(levelname)s %(name)s %(message)s")
    formatters = (line, JSONFormatter())
    return "\n".join(each.format(record) for record in records for each in formatters)


def shop(guest: Shopper, user: Shopper) -> None:
    """Make calls that succeed, that are refused, and that fail."""
    sku = SkuFactory.create()
    cart = guest.add(sku, 2)
    guest.call("PUT", f"/cart/item/{item_id(cart, sku)}", {"quantity": 999_999})
    guest.call("DELETE", "/cart/item/nonsense")
    guest.call("GET", "/nothing")
    guest.call("POST", "/cart", addition_of(sku), Authorization="Bearer dead")
    guest.send("POST", "/cart", b"[[[")
    with without_store():
        guest.call("GET", "/cart")
        user.call("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})


def test_no_log_line_tells_a_guest_id_or_a_token(
    guest: Shopper, user: Shopper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    shop(guest, user)

    logged = formatted(caplog.records)
    assert "cart store unavailable" in logged
    assert guest.owner_id not in logged
    assert user.headers["Authorization"].split()[1] not in logged


def test_not_even_the_traceback_of_a_bug(
    guest: Shopper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: Any, **options: Any) -> None:
        raise ZeroDivisionError

    caplog.set_level("DEBUG")
    monkeypatch.setattr(lines, "read_offers", break_down)
    guest.client.raise_request_exception = False

    response = guest.call("POST", "/cart", addition_of(SkuFactory.create()))

    logged = formatted(caplog.records)
    assert response.status_code == 500
    assert "ZeroDivisionError" in logged
    assert guest.owner_id not in logged


def test_a_guest_id_is_in_no_answer_but_to_its_guest(guest: Shopper, user: Shopper) -> None:
    guest.add(SkuFactory.create())

    merged = user.call("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert guest.owner_id.encode() not in merged.content
    assert guest.owner_id not in str(dict(merged.items()))


def test_the_id_of_a_cart_tells_nothing_of_its_owner(guest: Shopper, user: Shopper) -> None:
    ids = [shopper.cart()["id"] for shopper in (guest, user)]

    assert guest.owner_id not in ids[0]
    assert user.owner_id not in ids[1]
