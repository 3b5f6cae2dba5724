"""Whose cart a request acts on: API.md's Identity table."""

from datetime import timedelta

import pytest
from django.test import Client
from redis import Redis
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from tests.accounts.factories import StaffFactory, UserFactory
from tests.carts.shopper import (
    Shopper,
    addition_of,
    new_guest,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def test_a_token_acts_on_the_users_cart_and_a_guest_id_on_the_guests(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create()

    guest.add(sku, 2)
    user.add(sku, 3)

    assert quantities_of(guest.cart()) == {sku.id: 2}
    assert quantities_of(user.cart()) == {sku.id: 3}


@pytest.mark.parametrize("guest_id", ["of a guest", "malformed!", ""])
def test_with_both_it_is_the_users_cart(guest: Shopper, user: Shopper, guest_id: str) -> None:
    sku = SkuFactory.create()
    both = Shopper(
        user.owner_id,
        user.headers | {"X-Guest-ID": guest.owner_id if guest_id == "of a guest" else guest_id},
    )
    guest.add(sku)

    with unchanged(guest):
        cart = both.add(sku, 3)

    assert (cart["userId"], cart["sessionId"]) == (user.owner_id, None)
    assert quantities_of(user.cart()) == {sku.id: 3}


@pytest.mark.parametrize("headers", [{}, {"X-Guest-ID": ""}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_with_neither_a_guest_id_is_asked_for(
    db: None, headers: dict[str, str], method: str
) -> None:
    nobody = Shopper("", headers)

    refusal = nobody.refusal(method, "/cart", addition_of(SkuFactory.create()))

    assert summary_of(refusal) == (
        400,
        "guest_id_required",
        "Guest ID is required. Please provide X-Guest-ID header",
    )
    assert refusal["data"] is None


@pytest.mark.parametrize(
    "guest_id",
    ["12345678", "a" * 128, "________", "--------", "guest-1733653800-ab_CD", "user-abcdefgh"],
)
def test_a_guest_id_is_8_to_128_letters_digits_underscores_and_hyphens(
    db: None, guest_id: str
) -> None:
    shopper = Shopper(guest_id, {"X-Guest-ID": guest_id})
    sku = SkuFactory.create()

    cart = shopper.add(sku, 2)

    assert (cart["sessionId"], quantities_of(cart)) == (guest_id, {sku.id: 2})


HOSTILE_GUEST_IDS = [
    "1234567",
    "a" * 129,
    "a" * 10_000,
    "*" * 8,
    "guest-*",
    "../../etc/passwd",
    "user:12345678",
    "guest:12345678",
    "}{c07}cart:user:1",
    "guest 123456",
    " guest-12345678",
    "guest-12345678\n",
    "guest-1234\r\nX-Injected: 1",
    "guest-12345678\x00",
    "gäste-12345678",
    "客人客人客人客人",
    "١٢٣٤٥٦٧٨",
    "guest-12345678,guest-12345679",
    "%00%00%00%00",
    "' OR 1=1 --",
]


@pytest.mark.parametrize("guest_id", HOSTILE_GUEST_IDS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_anything_else_is_no_guest_id(
    db: None, redis_server: Redis, guest_id: str, method: str
) -> None:
    shopper = Shopper(guest_id, {"X-Guest-ID": guest_id})

    refusal = shopper.refusal(method, "/cart", addition_of(SkuFactory.create()))

    assert summary_of(refusal) == (400, "invalid_guest_id", "Invalid guest ID")
    assert list(redis_server.scan_iter()) == []


def test_a_guest_id_never_reaches_a_users_cart(user: Shopper) -> None:
    user.add(SkuFactory.create())
    guesses = [user.owner_id, f"user-{user.owner_id}", user.cart()["id"]]

    carts = [Shopper(guess, {"X-Guest-ID": guess}).cart() for guess in guesses]

    assert [cart["items"] for cart in carts] == [[], [], []]
    assert all(cart["id"] != user.cart()["id"] for cart in carts)


def dead_tokens() -> dict[str, str]:
    account = UserFactory.create(password="!")
    expired = AccessToken.for_user(account)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    living = str(AccessToken.for_user(account))
    return {
        "expired": f"Bearer {expired}",
        "a refresh token": f"Bearer {RefreshToken.for_user(account)}",
        "tampered": f"Bearer {living[:-4]}AAAA",
        "garbage": "Bearer garbage",
        "another scheme": "Basic Z3Vlc3Q6Z3Vlc3Q=",
        "empty": "",
    }


@pytest.mark.parametrize("kind", ["expired", "a refresh token", "tampered", "garbage", "empty"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_token_is_a_401_and_never_the_guests_cart(
    guest: Shopper, kind: str, method: str
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    dead = Shopper("", guest.headers | {"Authorization": dead_tokens()[kind]})

    with unchanged(guest):
        response = dead.call(method, "/cart", addition_of(sku))

    envelope = response.json()
    assert summary_of(envelope) == (401, "token_not_valid", "Token is invalid or expired")
    assert envelope["data"] is None
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response["Cache-Control"] == "no-store"


def test_a_member_of_staff_has_a_cart_like_everybody(guest: Shopper, db: None) -> None:
    account = StaffFactory.create(password="!")
    staff = Shopper(account.pk, {"Authorization": f"Bearer {AccessToken.for_user(account)}"})
    sku = SkuFactory.create()
    guest.add(sku)

    with unchanged(guest):
        cart = staff.add(sku, 2)

    assert (cart["userId"], quantities_of(cart)) == (account.pk, {sku.id: 2})


def test_a_session_of_the_admin_is_nobody_to_the_api(db: None) -> None:
    client = Client()
    client.force_login(StaffFactory.create(password="!"))

    response = client.get("/api/cart")

    assert response.json()["error"]["type"] == "guest_id_required"


def test_knowing_a_guest_id_is_being_that_guest(guest: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)

    same = Shopper(guest.owner_id, {"X-Guest-ID": guest.owner_id})

    assert same.cart() == guest.cart()
    assert new_guest().cart()["items"] == []
