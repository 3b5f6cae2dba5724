"""The list of carts in the admin."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from carts.models import Cart, CartItem
from tests.carts.admin.staff import LIST, owner_page_of, read_text, sign_in
from tests.carts.api.test_store_down import without_store
from tests.carts.conftest import RoundTrips
from tests.carts.permanent.copies import row_of, save_all, verify_all
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def ids_in(client: Client, query: str = "") -> set[str]:
    """Return the ids of the carts listed."""
    response: Any = client.get(f"{LIST}{query}")
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


def fill(shopper: Shopper) -> str:
    """Give a shopper a saved cart, and return its id."""
    cart_id: str = shopper.add(SkuFactory.create())["id"]
    save_all()
    return cart_id


def test_carts_are_listed_by_when_they_changed(user: Shopper, guest: Shopper) -> None:
    older, newer = fill(user), fill(guest)
    client, _ = sign_in()

    response: Any = client.get(LIST)

    assert [row.pk for row in response.context["cl"].result_list] == [newer, older]
    assert guest.owner_id not in response.content.decode()


def test_filters_narrow_the_list(user: Shopper, guest: Shopper) -> None:
    of_user, of_guest = fill(user), fill(guest)
    Cart.objects.filter(pk=of_user).update(updated_at=timezone.now() - timedelta(days=3))
    Cart.objects.filter(pk=of_guest).update(status="EXPIRED")
    client, _ = sign_in()

    assert ids_in(client, "?owner=user") == {of_user}
    assert ids_in(client, "?owner=guest") == {of_guest}
    assert ids_in(client, "?changed=day") == {of_guest}
    assert ids_in(client, "?changed=week") == {of_user, of_guest}
    assert ids_in(client, "?status__exact=EXPIRED") == {of_guest}


def test_unsaved_carts_are_listed_and_those_without_a_row_named(
    user: Shopper, guest: Shopper
) -> None:
    saved, changed = fill(new_user()), fill(user)
    user.add(SkuFactory.create())
    guest.add(SkuFactory.create())
    client, _ = sign_in()

    response: Any = client.get(f"{LIST}?unsaved=yes")

    listed = response.context["cl"]
    assert [(row.pk, row.standing) for row in listed.result_list] == [(changed, "unsaved")]
    assert [link.url for link in listed.live_only] == [owner_page_of(guest)]
    everything: Any = client.get(LIST)
    marks = {row.pk: row.standing for row in everything.context["cl"].result_list}
    assert marks == {saved: "same", changed: "unsaved"}


def test_drifted_carts_are_listed_and_those_without_a_row_named(
    user: Shopper, guest: Shopper, redis_server: Redis
) -> None:
    fill(new_user())
    drifted = fill(user)
    CartItem.objects.filter(cart=drifted).update(quantity=7)
    guest.add(SkuFactory.create())
    redis_server.delete("cart:dirty")
    verify_all()
    client, _ = sign_in()

    response: Any = client.get(f"{LIST}?drifted=yes")

    listed = response.context["cl"]
    assert [(row.pk, row.standing) for row in listed.result_list] == [(drifted, "drifted")]
    assert [link.url for link in listed.live_only] == [owner_page_of(guest)]


def test_a_drift_is_seen_in_the_list(user: Shopper, guest: Shopper) -> None:
    drifted, sound = fill(user), fill(guest)
    Cart.objects.filter(pk=drifted).update(version=F("version") + 1_000)
    client, _ = sign_in()

    response: Any = client.get(LIST)

    marks = {row.pk: row.standing for row in response.context["cl"].result_list}
    assert marks == {drifted: "drifted", sound: "same"}
    assert "Drifted apart" in read_text(response)


def test_without_the_live_store_the_rows_are_listed_with_a_sentence(user: Shopper) -> None:
    fill(user)
    client, _ = sign_in()

    with without_store():
        response: Any = client.get(LIST)
        unsaved: Any = client.get(f"{LIST}?unsaved=yes")

    assert [row.pk for row in response.context["cl"].result_list] == [row_of(user).pk]
    for answer in (response, unsaved):
        assert "The live store cannot be reached right now" in read_text(answer)


@pytest.mark.parametrize(
    "query", ["session_id__startswith=guest", "session_id=x", "user__email__startswith=b"]
)
def test_guest_ids_and_addresses_cannot_be_felt_out(guest: Shopper, query: str) -> None:
    fill(guest)
    client, _ = sign_in()

    response = client.get(f"{LIST}?{query}")

    assert response.status_code == 400


def test_the_list_costs_the_same_for_any_number_of_carts(
    redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]],
) -> None:
    client, _ = sign_in()
    sku = SkuFactory.create(stock=1_000)
    costs = []
    made = 0
    for wanted in (1, 20):
        for number in range(made, wanted):
            (new_user() if number % 2 else new_guest()).add(sku)
        made = wanted
        save_all()
        client.get(LIST)
        with CaptureQueriesContext(connection) as queries, redis_round_trips() as trips:
            assert len(ids_in(client)) == wanted
        assert not any("COUNT(" in query["sql"] for query in queries.captured_queries)
        costs.append((len(queries), trips.count))

    assert costs == [costs[0]] * 2
    assert costs[0][0] <= 8
    assert costs[0][1] == 1
