"""Finding carts in the admin: by owner, order, SKU or guest id, saved or in Redis only."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import Redis

from accounts.models import User
from carts.log.rows import drain_streams
from config.hashing import hash_secret
from tests.carts.admin.staff import LIST, owner_page_of, page_of, read_text, sign_in
from tests.carts.api.test_store_down import without_store
from tests.carts.conftest import RoundTrips
from tests.carts.permanent.copies import lose_hash, owner_of, save_all
from tests.carts.shopper import Shopper, item_id, new_guest, new_user
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db

FIND = f"{LIST}find/"


def find(client: Client, text: str) -> str:
    """Search, and return where the answer leads, "" where it leads nowhere."""
    response: Any = client.post(FIND, {"text": text})
    return str(response["Location"]) if response.status_code == 302 else ""


def rows_of(response: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in response.context["rows"]]


def test_a_saved_cart_is_found_by_what_names_it(user: Shopper) -> None:
    cart = user.add(SkuFactory.create())
    save_all()
    account = User.objects.get(pk=user.owner_id)
    client, _ = sign_in()

    names = [
        account.pk,
        account.username.upper(),
        account.email.upper(),
        cart["id"],
        f" {cart['id']} ",
    ]

    assert {find(client, name) for name in names} == {page_of(user)}


def test_a_users_cart_that_only_redis_has_is_found(user: Shopper) -> None:
    user.add(SkuFactory.create())
    account = User.objects.get(pk=user.owner_id)
    client, _ = sign_in()

    assert find(client, account.email) == owner_page_of(user)


def test_a_guests_cart_is_found_by_the_id_which_is_not_in_the_address(guest: Shopper) -> None:
    guest.add(SkuFactory.create())
    client, _ = sign_in()

    living = find(client, guest.owner_id)
    by_hash = find(client, hash_secret(owner_of(guest).key))
    save_all()
    saved = find(client, guest.owner_id)

    assert living == by_hash == owner_page_of(guest)
    assert saved == page_of(guest)
    assert guest.owner_id not in living + saved


def test_a_guest_is_found_by_the_hash_that_the_change_log_has(
    guest: Shopper, redis_server: Redis
) -> None:
    guest.add(SkuFactory.create())
    save_all()
    drain_streams()
    lose_hash(redis_server, guest)
    client, _ = sign_in()

    assert find(client, hash_secret(owner_of(guest).key)) == page_of(guest)


def test_a_guest_id_typed_is_written_nowhere(
    guest: Shopper, caplog: pytest.LogCaptureFixture
) -> None:
    guest.add(SkuFactory.create())
    client, _ = sign_in()
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    response: Any = client.post(FIND, {"text": guest.owner_id}, follow=True)
    missing: Any = client.post(FIND, {"text": "guest-unknown-1234"}, follow=True)

    assert response.redirect_chain == [(owner_page_of(guest), 302)]
    assert guest.owner_id not in response.content.decode() + caplog.text
    assert "guest-unknown-1234" not in caplog.text
    assert "No cart was found." in read_text(missing)
    assert missing.context["text"] == "guest-unknown-1234"
    assert missing.redirect_chain == []


def test_a_part_of_a_name_or_address_finds_who_has_it(user: Shopper) -> None:
    user.add(SkuFactory.create())
    account = User.objects.get(pk=user.owner_id)
    User.objects.filter(pk=account.pk).update(username="margaret", email="m.hamilton@example.com")
    client, _ = sign_in()

    assert {find(client, part) for part in ("argar", "HAMILT")} == {owner_page_of(user)}
    assert find(client, "ma") == ""


def test_a_cart_is_found_by_an_orders_number(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    order = buy(shopper, sku)
    current = shopper.add(sku)
    save_all()
    client, _ = sign_in()

    address = f"/admin/carts/cart/{current['id']}/change/"
    assert find(client, order["orderNumber"].lower()) == address
    assert find(client, order["id"]) == address


def test_who_has_a_sku_in_a_cart(redis_server: Redis) -> None:
    sku = SkuFactory.create(code="TH-1", stock=1_000)
    saved, changed, living, emptied, lost = (new_user() for _ in range(5))
    stranger = new_guest()
    for shopper in (saved, changed, emptied, lost):
        shopper.add(sku, 2)
    stranger.add(SkuFactory.create())
    save_all()
    changed.add(sku)
    living.add(sku, 4)
    emptied.data("DELETE", f"/cart/item/{item_id(emptied.cart(), sku)}")
    lose_hash(redis_server, lost)
    client, _ = sign_in()

    address = find(client, "TH-1")
    response: Any = client.get(address)

    names = dict(User.objects.values_list("pk", "username"))
    found = {row[0]: (row[1], row[2]) for row in rows_of(response)}
    assert address == f"{FIND}?sku={sku.pk}"
    assert found == {
        names[saved.owner_id]: ("2", "2"),
        names[changed.owner_id]: ("3", "2"),
        names[living.owner_id]: ("4", ""),
        names[lost.owner_id]: ("", "2"),
    }


def test_a_sku_is_found_by_its_code_in_small_letters_unless_that_names_another() -> None:
    big = SkuFactory.create(code="TH-1")
    client, _ = sign_in()

    assert find(client, "th-1") == f"{FIND}?sku={big.pk}"
    small = SkuFactory.create(code="th-1")
    assert find(client, "th-1") == f"{FIND}?sku={small.pk}"


def test_links_of_found_guests_lead_to_their_carts(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    guest = new_guest()
    guest.add(sku)
    redis_server.delete("cart:dirty")
    redis_server.zadd("cart:dirty", {f"cart:guest:{guest.owner_id}": 1})
    client, _ = sign_in()

    response: Any = client.get(f"{FIND}?sku={sku.pk}")
    redis_server.delete("cart:dirty")
    [[link, *_rest]] = response.context["rows"]
    page: Any = client.get(link.url)

    assert guest.owner_id not in response.content.decode()
    assert [row.living.quantity for row in page.context["page"].lines] == [1]


def test_several_that_may_be_meant_are_shown(user: Shopper) -> None:
    account = User.objects.get(pk=user.owner_id)
    sku = SkuFactory.create(code=account.username)
    user.add(sku)
    client, _ = sign_in()

    response: Any = client.post(FIND, {"text": account.username})

    links = [(row[0].text, row[0].url) for row in response.context["rows"]]
    assert links == [
        (account.username, owner_page_of(user)),
        (sku.code, f"{FIND}?sku={sku.pk}"),
    ]


def test_without_the_live_store_copies_are_found_with_a_sentence(
    user: Shopper, guest: Shopper
) -> None:
    sku = SkuFactory.create()
    user.add(sku, 2)
    save_all()
    guest.add(sku)
    account = User.objects.get(pk=user.owner_id)
    client, _ = sign_in()

    with without_store():
        by_sku: Any = client.get(f"{FIND}?sku={sku.pk}")
        by_name = find(client, account.email)
        by_guest: Any = client.post(FIND, {"text": guest.owner_id}, follow=True)

    assert rows_of(by_sku)[0][:3] == [account.username, "", "2"]
    assert "these are the saved copies alone" in read_text(by_sku)
    assert by_name == page_of(user)
    assert "The live store cannot be reached right now" in read_text(by_guest)


@pytest.mark.parametrize("text", ["", " ", "x", "%", "\x00", "a" * 201, "' OR 1=1 --", "*", "../"])
def test_nonsense_finds_nothing(user: Shopper, text: str) -> None:
    user.add(SkuFactory.create())
    client, _ = sign_in()

    assert find(client, text) in {LIST, ""}
    assert client.get(FIND, {"sku": text}).status_code == (400 if text == "\0" else 302)


def test_searching_needs_the_permission_to_see_carts_and_a_token(user: Shopper) -> None:
    sku = SkuFactory.create()
    client, staff = sign_in()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    without_token = strict.post(FIND, {"text": user.owner_id}).status_code
    staff.user_permissions.clear()

    statuses = [
        client.post(FIND, {"text": user.owner_id}).status_code,
        client.get(FIND, {"sku": sku.pk}).status_code,
    ]

    assert [without_token, *statuses] == [403, 403, 403]


def test_a_search_by_sku_costs_the_same_for_any_number_of_carts(
    redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]],
) -> None:
    sku = SkuFactory.create(stock=10_000)
    client, _ = sign_in()
    costs = []
    made = 0
    for wanted in (3, 20):
        for number in range(made + 1, wanted):
            (new_user() if number % 2 else new_guest()).add(sku)
        save_all()
        new_guest().add(sku)
        made = wanted
        client.get(FIND, {"sku": sku.pk})
        with CaptureQueriesContext(connection) as queries, redis_round_trips() as trips:
            response: Any = client.get(FIND, {"sku": sku.pk})
        assert len(response.context["rows"]) == wanted
        costs.append((len(queries), trips.count))

    assert costs[0] == costs[1]
    assert costs[0][0] <= 10
    assert costs[0][1] <= 4
