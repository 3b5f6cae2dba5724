"""A guest's orders at the moment at which a merge gives them to a user.

Each race is also run with its guard off, where it must show.
"""

import json
from collections import Counter
from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from django.http import HttpResponse

from orders import lifecycle
from orders.api import views
from orders.claiming import claim_orders
from orders.models import Order
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy
from tests.products.rows import read_stock, read_tallies
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import COUNT_CLAIMED_UNITS, act_before

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8


def claim_together(guest: Shopper, users: list[Shopper]) -> list[Any]:
    return run_together(
        lambda user: claim_orders(guest=owner_of(guest), user=owner_of(user)),
        users,
        threads=THREADS,
    )


def test_of_many_users_who_claim_a_guests_orders_one_gets_them() -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=9)
    for _ in range(3):
        buy(guest, sku)
    users = [new_user() for _ in range(THREADS)]

    counts = claim_together(guest, users)

    assert sorted(counts) == [0] * (THREADS - 1) + [3]
    assert Order.objects.values("user").distinct().count() == 1
    assert sum(read_tallies().values()) == 3


def test_without_the_locks_a_guests_orders_count_for_many_users(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=9)
    buy(guest, sku)
    users = [new_user() for _ in range(THREADS)]
    everybody = Barrier(THREADS)
    act_before(monkeypatch, COUNT_CLAIMED_UNITS, lambda: everybody.wait(PATIENCE_SECONDS))
    monkeypatch.setattr(Order.objects, "select_for_update", lambda **_: Order.objects.all())

    counts = claim_together(guest, users)

    assert counts == [1] * THREADS


def cancel_or_claim(guest: Shopper, user: Shopper, order_id: str) -> list[Any]:
    """Cancel as the guest while the user merges; return what came of both."""
    actions: list[Callable[[], Any]] = [
        lambda: guest.call("POST", f"/orders/{order_id}/cancel"),
        lambda: claim_orders(guest=owner_of(guest), user=owner_of(user)),
    ]
    return run_together(lambda action: action(), actions, threads=2)


def test_a_guests_cancel_comes_before_the_claim_or_finds_no_order() -> None:
    outcomes: Counter[int] = Counter()
    for _ in range(10):
        guest, user, sku = new_guest(), new_user(), SkuFactory.create(stock=9)
        order_id = buy(guest, sku, 2)["id"]

        response, claimed = cancel_or_claim(guest, user, order_id)

        assert isinstance(response, HttpResponse)
        outcomes[response.status_code] += 1
        was_cancelled = response.status_code == 200
        assert (claimed, Order.objects.get(pk=order_id).buyer) == (1, f"user:{user.owner_id}")
        assert read_stock(sku) == [9 if was_cancelled else 7]
        assert sum(read_tallies()[key] for key in read_tallies() if key[0] == sku.id) == (
            0 if was_cancelled else 2
        )
    assert outcomes.keys() <= {200, 404}


@pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "unguarded"])
def test_a_guests_cancel_that_looked_before_the_claim_changes_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    guest, user, sku = new_guest(), new_user(), SkuFactory.create(stock=9)
    order_id = buy(guest, sku, 2)["id"]

    def claim_then_cancel(*, buyer: str, **options: Any) -> Order:
        claim_orders(guest=owner_of(guest), user=owner_of(user))
        return lifecycle.cancel_order(buyer=buyer if is_guarded else None, **options)

    monkeypatch.setattr(views, "cancel_order", claim_then_cancel)

    response = guest.call("POST", f"/orders/{order_id}/cancel")

    assert response.status_code == (404 if is_guarded else 200)
    assert read_stock(sku) == [7 if is_guarded else 9]


def test_every_order_placed_while_a_merge_runs_is_claimed_by_it_or_by_the_next() -> None:
    guest, user, sku = new_guest(), new_user(), SkuFactory.create(stock=99)
    guest.add(sku, 2)
    body, path = {"guestSessionId": guest.owner_id}, "/cart/merge"

    actions: list[Callable[[], Any]] = [
        lambda: guest.call("POST", "/orders", {"contact": CONTACT}),
        lambda: user.data("POST", path, body),
    ]
    placed, merged = run_together(lambda action: action(), actions, threads=2)
    later = user.data("POST", path, body)

    assert isinstance(placed, HttpResponse)
    assert isinstance(merged, dict)
    was_sold = placed.status_code == 200
    claimed = merged["merge"]["ordersClaimed"] + later["merge"]["ordersClaimed"]
    assert claimed == Order.objects.count() == (1 if was_sold else 0), json.loads(placed.content)
    in_cart = sum(line["quantity"] for line in user.cart()["items"])
    assert in_cart == (0 if was_sold else 2)
