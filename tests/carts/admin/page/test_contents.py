"""A cart's page in the admin: both copies side by side, whatever state they are in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis

from accounts.models import User
from carts.live.keys import cart_key
from carts.log.rows import drain_streams
from carts.models import Cart
from config.hashing import hash_secret
from products.models import Sku
from tests.carts.admin.staff import owner_page_of, page_of, read_page, read_text, sign_in
from tests.carts.api.test_store_down import without_store
from tests.carts.conftest import RoundTrips
from tests.carts.permanent.copies import is_unsaved, let_idle, lose_hash, owner_of, row_of, save_all
from tests.carts.shopper import Shopper, item_id
from tests.factories import SkuFactory
from tests.orders.buying import buy

pytestmark = pytest.mark.django_db


def banners_of(page: Any) -> list[tuple[str, str]]:
    return [(banner.level, banner.title) for banner in page.banners]


def facts_of(page: Any) -> dict[str, tuple[str, str, bool]]:
    return {fact.label: (fact.living.text, fact.copy.text, fact.differs) for fact in page.facts}


def test_a_saved_cart_shows_two_copies_that_agree(shopper: Shopper) -> None:
    sku = SkuFactory.create(code="TH-100", product__name="温湿度传感器", price=149)
    cart = shopper.add(sku, 2)
    save_all()
    client, _ = sign_in()

    page = read_page(client, page_of(shopper))

    assert banners_of(page) == [("success", "Both copies agree")]
    facts = facts_of(page)
    assert facts["Cart"] == (cart["id"], cart["id"], False)
    assert facts["Version"] == (str(cart["version"]), str(cart["version"]), False)
    assert facts["Status"] == ("Active", "Active", False)
    assert not any(fact.differs for fact in page.facts)
    [line] = page.lines
    assert (line.name, line.code, line.price) == ("温湿度传感器", "TH-100", "149.00")
    assert (line.living.quantity, line.living.is_selected, line.living.price) == (2, True, "149.00")
    assert line.living == line.copy
    assert (line.differences, line.notices) == (frozenset(), ())


def test_a_change_since_the_save_is_marked_and_is_no_drift(shopper: Shopper) -> None:
    kept, more, gone = SkuFactory.create_batch(3)
    for sku in (kept, more, gone):
        cart = shopper.add(sku)
    save_all()
    shopper.data("PUT", f"/cart/item/{item_id(cart, more)}", {"quantity": 5, "selected": False})
    cart = shopper.data("DELETE", f"/cart/item/{item_id(cart, gone)}")
    new = SkuFactory.create()
    shopper.add(new)
    client, _ = sign_in()

    page = read_page(client, page_of(shopper))

    assert banners_of(page) == [("info", "Changed since it was saved")]
    rows = {row.sku_id: row for row in page.lines}
    assert rows[kept.pk].differences == frozenset()
    assert rows[more.pk].differences == {"quantity", "selected", "updated_ms"}
    assert (rows[more.pk].living.quantity, rows[more.pk].copy.quantity) == (5, 1)
    assert (rows[gone.pk].living, rows[gone.pk].copy.quantity) == (None, 1)
    assert (rows[new.pk].living.quantity, rows[new.pk].copy) == (1, None)
    assert rows[gone.pk].differences == rows[new.pk].differences == {"line"}
    assert facts_of(page)["Version"][2]


def test_a_drift_is_told_with_its_kind(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    save_all()
    row_of(shopper).items.update(quantity=7)
    client, _ = sign_in()

    response: Any = client.get(page_of(shopper))

    page = response.context["page"]
    assert banners_of(page) == [("danger", "The two copies have drifted apart")]
    assert page.found.drift.kind == "differs"
    assert page.lines[0].differences == {"quantity"}
    assert "Both have the same version, but not the same content." in read_text(response)


def test_a_cart_that_only_redis_has_is_found_by_its_owner(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 3)
    client, _ = sign_in()

    page = read_page(client, owner_page_of(shopper))

    assert page.found.copy is None
    assert banners_of(page) == [("info", "Not saved yet")]
    assert facts_of(page)["Cart"] == (cart["id"], "–", False)
    assert [(row.living.quantity, row.copy) for row in page.lines] == [(3, None)]


def test_the_address_by_owner_leads_to_the_address_by_cart(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    lose_nothing = page_of(shopper)
    shopper.add(SkuFactory.create())
    client, _ = sign_in()

    response: Any = client.get(owner_page_of(shopper))

    assert (response.status_code, response["Location"]) == (302, lose_nothing)


def test_a_cart_without_a_hash_shows_its_copy(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create(), 2)
    save_all()
    lose_hash(redis_server, shopper)
    client, _ = sign_in()

    page = read_page(client, page_of(shopper))

    assert banners_of(page) == [("info", "Only the saved copy is there")]
    assert [(row.living, row.copy.quantity) for row in page.lines] == [(None, 2)]
    assert page.found.living is None
    assert redis_server.exists(cart_key(owner_of(shopper))) == 0


def test_looking_changes_nothing(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    shopper.add(SkuFactory.create())
    before = (redis_server.dump(cart_key(owner_of(shopper))), list(Cart.objects.values()))
    client, _ = sign_in()

    client.get(page_of(shopper))
    client.get("/admin/carts/cart/")

    assert is_unsaved(redis_server, shopper)
    after = (redis_server.dump(cart_key(owner_of(shopper))), list(Cart.objects.values()))
    assert before == after


def test_a_hash_that_is_no_cart_is_told_and_the_copy_shown(
    shopper: Shopper, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create(), 2)
    save_all()
    redis_server.hset(cart_key(owner_of(shopper)), "@version", "none")
    client, _ = sign_in()

    page = read_page(client, page_of(shopper))

    assert banners_of(page) == [("danger", "The two copies have drifted apart")]
    assert page.found.drift.kind == "unreadable"
    assert [row.copy.quantity for row in page.lines] == [2]


def test_without_the_live_store_the_copy_is_shown_with_a_sentence(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create(), 2)
    save_all()
    client, _ = sign_in()

    with without_store():
        response: Any = client.get(page_of(shopper))

    page = response.context["page"]
    assert response.status_code == 200
    assert banners_of(page) == [("danger", "The live store cannot be reached right now")]
    assert [(row.living, row.copy.quantity) for row in page.lines] == [(None, 2)]
    assert "the living cart may be newer" in read_text(response)


def test_without_the_live_store_a_cart_that_only_it_has_is_a_sentence(guest: Shopper) -> None:
    guest.add(SkuFactory.create())
    client, _ = sign_in()

    with without_store():
        response: Any = client.get(owner_page_of(guest), follow=True)

    assert response.status_code == 200
    assert "The live store cannot be reached right now" in read_text(response)


def test_unknown_names_are_404() -> None:
    client, _ = sign_in()

    for name in ("x" * 24, "user-nobody", "guest-" + "0" * 24, "%00", "a_b"):
        assert client.get(f"/admin/carts/cart/{name}/change/").status_code == 404


def test_a_guest_id_is_shown_nowhere(guest: Shopper) -> None:
    sku = SkuFactory.create()
    buy(guest, sku)
    guest.add(sku)
    save_all()
    drain_streams()
    guest.add(sku)
    client, _ = sign_in("orders.view_order")

    pages = [
        client.get(url).content.decode() for url in (page_of_active(guest), "/admin/carts/cart/")
    ]

    assert not any(guest.owner_id in page for page in pages)
    assert hash_secret(owner_of(guest).key) in pages[0]


def page_of_active(shopper: Shopper) -> str:
    row = Cart.objects.get(status="ACTIVE")
    return f"/admin/carts/cart/{row.pk}/change/"


def test_the_last_changes_are_told_whether_logged_or_waiting(user: Shopper) -> None:
    first, second = SkuFactory.create(code="A-1"), SkuFactory.create(code="B-2")
    user.add(first, 2)
    drain_streams()
    user.add(second)
    client, _ = sign_in()

    page = read_page(client, owner_page_of(user))

    changes = [(c.action, c.code, c.before, c.after, c.source, c.is_waiting) for c in page.changes]
    assert changes == [("add", "B-2", 0, 1, "api", True), ("add", "A-1", 0, 2, "api", False)]


def test_changes_of_others_are_not_told(user: Shopper, guest: Shopper) -> None:
    guest.add(SkuFactory.create())
    user.add(SkuFactory.create())
    drain_streams()
    guest.add(SkuFactory.create())
    client, _ = sign_in()

    page = read_page(client, owner_page_of(user))

    assert len(page.changes) == 1


def test_the_customers_orders_are_shown_to_who_may_see_orders(shopper: Shopper) -> None:
    sku = SkuFactory.create(price=10)
    order = buy(shopper, sku, 2)
    shopper.add(sku)
    save_all()
    seeing, _ = sign_in("orders.view_order")
    blind, _ = sign_in()

    [section] = read_page(seeing, page_of_active(shopper)).sections

    [[number, status, total, _]] = section.rows
    assert (number.text, status.text, total.text) == (order["orderNumber"], "Pending", "20.00 CNY")
    assert seeing.get(number.url).status_code == 200
    assert read_page(blind, page_of_active(shopper)).sections == []


def test_a_past_cart_is_shown_by_itself(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    past = shopper.add(sku)
    buy(shopper, SkuFactory.create())
    shopper.add(sku)
    save_all()
    client, _ = sign_in()

    page = read_page(client, f"/admin/carts/cart/{past['id']}/change/")

    assert page.is_past
    assert banners_of(page) == [("info", "This cart has ended")]
    assert facts_of(page)["Status"] == ("–", "Checked out", False)


def test_an_expired_cart_of_a_guest_says_so(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    save_all()
    let_idle(guest)
    lose_hash(redis_server, guest)
    client, _ = sign_in()

    page = read_page(client, page_of(guest))

    assert banners_of(page) == [("info", "The last cart has ended: Expired")]


def test_notices_say_what_the_buyer_would_be_told(user: Shopper) -> None:
    scarce, dear, hidden = SkuFactory.create_batch(3, price=10)
    for sku in (scarce, dear, hidden):
        user.add(sku, 3)
    Sku.objects.filter(pk=scarce.pk).update(stock=2)
    Sku.objects.filter(pk=dear.pk).update(price=12)
    Sku.objects.filter(pk=hidden.pk).update(is_active=False)
    client, _ = sign_in()

    page = read_page(client, owner_page_of(user))

    notices = {row.sku_id: row.notices for row in page.lines}
    assert notices == {
        scarce.pk: ("Only 2 left",),
        dear.pk: ("Price has changed",),
        hidden.pk: ("Not for sale",),
    }
    assert [row.price for row in page.lines if row.sku_id == dear.pk] == ["12.00"]


def test_a_page_costs_the_same_for_any_number_of_lines(
    user: Shopper, redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]]
) -> None:
    client, _ = sign_in("orders.view_order", "carts.change_cart")
    costs = []
    lines = 0
    for wanted in (1, 5, 50):
        for sku in SkuFactory.create_batch(wanted - lines):
            user.add(sku)
        lines = wanted
        save_all()
        drain_streams()
        client.get(page_of(user))
        with CaptureQueriesContext(connection) as queries, redis_round_trips() as trips:
            page = read_page(client, page_of(user))
        assert len(page.lines) == wanted
        costs.append((len(queries), trips.count))

    assert costs == [costs[0]] * 3
    assert costs[0][0] <= 20
    assert costs[0][1] <= 5


def test_the_page_needs_the_permission_to_see_carts(user: Shopper) -> None:
    user.add(SkuFactory.create())
    save_all()
    client, staff = sign_in()
    staff.user_permissions.clear()

    statuses = [client.get(url).status_code for url in (page_of(user), "/admin/carts/cart/")]

    assert statuses == [403, 403]


def test_no_row_is_added_or_deleted_by_hand(user: Shopper) -> None:
    user.add(SkuFactory.create())
    save_all()
    row = row_of(user)
    client, staff = sign_in()
    User.objects.filter(pk=staff.pk).update(is_superuser=True)

    statuses = [
        client.get("/admin/carts/cart/add/").status_code,
        client.post("/admin/carts/cart/add/", {}).status_code,
        client.post(f"/admin/carts/cart/{row.pk}/delete/", {"post": "yes"}).status_code,
        client.post(f"/admin/carts/cart/{row.pk}/change/", {"status": "EXPIRED"}).status_code,
    ]

    assert statuses == [403, 403, 403, 405]
    assert Cart.objects.get() == row
