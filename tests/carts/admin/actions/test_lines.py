"""Fixing a cart's lines from its page: by the API's services, logged with who did it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from redis import Redis

from carts.log.rows import drain_streams
from carts.models import CartChange
from products.models import Sku
from tests.carts.admin.staff import do, owner_page_of, page_of, read_text, sign_in
from tests.carts.api.test_store_down import without_store
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import Shopper, item_id, quantities_of, unchanged
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db


@contextmanager
def nothing_logged() -> Iterator[None]:
    """Assert that meanwhile neither the change log nor the admin's log grows."""
    drain_streams()
    before = (CartChange.objects.count(), LogEntry.objects.count())
    yield
    drain_streams()
    assert (CartChange.objects.count(), LogEntry.objects.count()) == before


def last_change() -> tuple[str, int, int, str, str]:
    drain_streams()
    change = CartChange.objects.latest("pk")
    return change.action, change.before, change.after, change.source, change.actor


def test_units_are_set_and_logged(shopper: Shopper) -> None:
    sku = SkuFactory.create(code="TH-1")
    cart = shopper.add(sku, 2)
    client, staff = sign_in("carts.change_cart")

    answer = do(client, shopper, "quantity", item=item_id(cart, sku), quantity=5)

    assert answer.messages == ["TH-1: 2 → 5 units."]
    assert quantities_of(shopper.cart()) == {sku.id: 5}
    assert last_change() == ("update", 2, 5, "admin", f"staff:{staff.pk}")
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (staff.pk, cart["id"])
    assert entry.change_message == "Set units: TH-1: 2 → 5 units."


def test_a_change_takes_effect_on_a_cart_that_only_the_database_has(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 2)
    save_all()
    redis_server.flushdb()
    client, _ = sign_in("carts.change_cart")

    do(client, shopper, "quantity", item=item_id(cart, sku), quantity=5)

    assert quantities_of(shopper.cart()) == {sku.id: 5}


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (4, "Insufficient stock: 3 available, 1 in the cart."),
        (0, "Ensure this value is greater than or equal to 1."),
        (-1, "Ensure this value is greater than or equal to 1."),
        ("1.5", "Enter a whole number."),
        ("", "This field is required."),
        ("x", "Enter a whole number."),
    ],
)
def test_units_that_cannot_be_are_refused_with_a_sentence(
    shopper: Shopper, units: Any, sentence: str
) -> None:
    sku = SkuFactory.create(stock=3)
    cart = shopper.add(sku)
    client, _ = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged():
        answer = do(client, shopper, "quantity", item=item_id(cart, sku), quantity=units)

    assert answer.messages == [sentence]


def test_a_purchase_limit_is_refused_with_a_sentence(shopper: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=2)
    cart = shopper.add(sku)
    client, _ = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged():
        answer = do(client, shopper, "quantity", item=item_id(cart, sku), quantity=3)

    assert answer.messages == ["Purchase limit exceeded: 2 a buyer, 2 left for this one."]


def test_a_line_of_another_cart_is_refused(user: Shopper, guest: Shopper) -> None:
    sku = SkuFactory.create()
    user.add(sku)
    foreign = guest.add(sku)
    client, _ = sign_in("carts.change_cart")

    with unchanged(user, guest), nothing_logged():
        answer = do(client, user, "quantity", item=item_id(foreign, sku), quantity=3)

    assert answer.messages == ["Access denied to cart item."]


def test_lines_are_selected_one_by_one_and_all_together(shopper: Shopper) -> None:
    first, second = SkuFactory.create_batch(2)
    shopper.add(first)
    cart = shopper.add(second)
    client, staff = sign_in("carts.change_cart")

    def selections() -> list[bool]:
        return [line["selected"] for line in shopper.cart()["items"]]

    do(client, shopper, "select", item=item_id(cart, first), selected="no")
    assert selections() == [False, True]
    do(client, shopper, "select", selected="no")
    assert selections() == [False, False]
    do(client, shopper, "select", selected="yes")
    assert selections() == [True, True]
    assert last_change()[3:] == ("admin", f"staff:{staff.pk}")
    assert LogEntry.objects.count() == 3


def test_units_are_added_to_a_cart_there_is_and_to_one_there_is_not(user: Shopper) -> None:
    sku = SkuFactory.create(code="TH-1")
    client, staff = sign_in("carts.change_cart")

    first = do(client, user, "add", sku=sku.pk, quantity=2)
    do(client, user, "add", sku=sku.pk, quantity=1)

    assert first.messages == ["TH-1: 2 units added."]
    assert quantities_of(user.cart()) == {sku.id: 3}
    assert last_change() == ("add", 2, 3, "admin", f"staff:{staff.pk}")


def test_what_is_not_for_sale_is_not_added(user: Shopper) -> None:
    sku = SkuFactory.create(is_active=False)
    sold_out = SkuFactory.create(stock=0)
    user.add(SkuFactory.create())
    client, _ = sign_in("carts.change_cart")

    with unchanged(user), nothing_logged():
        hidden = do(client, user, "add", sku=sku.pk, quantity=1)
        empty = do(client, user, "add", sku=sold_out.pk, quantity=1)
        unknown = do(client, user, "add", sku="nothing", quantity=1)

    assert hidden.messages == ["The product is not for sale."]
    assert empty.messages == ["Insufficient stock: 0 available, 0 in the cart."]
    assert unknown.messages == [
        "Select a valid choice. That choice is not one of the available choices."
    ]


def test_removing_asks_first_and_then_removes(shopper: Shopper) -> None:
    kept, gone = SkuFactory.create(), SkuFactory.create(code="TH-2")
    shopper.add(kept)
    cart = shopper.add(gone, 3)
    client, staff = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged():
        asked = do(client, shopper, "remove", item=item_id(cart, gone))
    assert asked.preview.rows == [("TH-2", "3")]
    assert "This line leaves the cart:" in asked.text
    done = asked.confirm()

    assert done.messages == ["TH-2: 3 units removed."]
    assert quantities_of(shopper.cart()) == {kept.id: 1}
    assert last_change() == ("remove", 3, 0, "admin", f"staff:{staff.pk}")


def test_clearing_asks_first_and_then_clears(shopper: Shopper) -> None:
    for sku in SkuFactory.create_batch(2):
        shopper.add(sku)
    client, _ = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged():
        asked = do(client, shopper, "clear")
    done = asked.confirm()

    assert len(asked.preview.rows) == 2
    assert done.messages == ["2 lines removed."]
    assert shopper.cart()["items"] == []
    assert last_change()[0] == "clear"


@pytest.mark.parametrize("action", ["remove", "clear"])
def test_what_was_confirmed_is_not_done_to_a_cart_that_has_changed_since(
    shopper: Shopper, action: str
) -> None:
    sku, more = SkuFactory.create_batch(2)
    cart = shopper.add(sku)
    client, _ = sign_in("carts.change_cart")
    asked = do(client, shopper, action, item=item_id(cart, sku))
    shopper.add(more)

    with unchanged(shopper), nothing_logged():
        done = asked.confirm()

    assert done.messages == [
        "The cart has changed since this page was shown. Nothing was done; look at it again."
    ]


def test_a_confirmation_without_a_version_does_nothing(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    client, _ = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged():
        do(client, shopper, "clear", confirmed="yes")


def test_without_the_live_store_a_change_is_a_sentence(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku)
    save_all()
    client, _ = sign_in("carts.change_cart")

    with unchanged(shopper), nothing_logged(), without_store():
        answer = do(client, shopper, "quantity", item=item_id(cart, sku), quantity=2)

    assert answer.status == 200
    assert answer.messages[0] == ("The live store cannot be reached right now. Try again shortly.")
    assert "The live store cannot be reached right now" in answer.text


def test_changes_are_posts_with_a_csrf_token(user: Shopper) -> None:
    sku = SkuFactory.create()
    cart = user.add(sku)
    client, staff = sign_in("carts.change_cart")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    url = f"{owner_page_of(user).removesuffix('change/')}do/quantity/"
    body: dict[str, Any] = {"item": item_id(cart, sku), "quantity": 2}

    with unchanged(user), nothing_logged():
        statuses = [
            strict.post(url, body).status_code,
            client.get(url, body).status_code,
            client.put(url).status_code,
            client.post(url.replace("quantity", "explode"), body).status_code,
        ]

    assert statuses == [403, 405, 405, 404]


def test_a_past_cart_is_not_changed_by_its_address(user: Shopper) -> None:
    past = user.add(SkuFactory.create(), 1)
    buy(user, SkuFactory.create())
    user.add(SkuFactory.create())
    save_all()
    client, _ = sign_in("carts.change_cart")
    sku = SkuFactory.create()

    with unchanged(user), nothing_logged():
        response: Any = client.post(
            f"/admin/carts/cart/{past['id']}/do/add/", {"sku": sku.pk, "quantity": 1}, follow=True
        )

    assert "This cart has ended, and its owner has begun another." in read_text(response)


def test_buttons_are_shown_to_who_may_press_them(user: Shopper) -> None:
    user.add(SkuFactory.create())
    save_all()
    able, _ = sign_in("carts.change_cart")
    viewing, _ = sign_in()

    def offered(client: Client) -> set[str]:
        response: Any = client.get(page_of(user))
        return set(response.context["offered"])

    assert offered(able) == {"quantity", "select", "remove", "clear", "add"}
    assert offered(viewing) == set()
    assert Sku.objects.count() == 1
