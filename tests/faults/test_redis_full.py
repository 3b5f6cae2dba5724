"""Redis out of memory: nothing is dropped to make room, and carts can still shrink and be saved."""

from typing import Any

import pytest
from django.test import Client
from redis import Redis

from carts.live import bulk
from carts.live.keys import cart_key
from carts.permanent.saving import save_oldest
from tests.carts.api.test_store_down import UNAVAILABLE
from tests.carts.permanent.copies import owner_of, save_all, saved_units
from tests.carts.shopper import (
    addition_of,
    item_id,
    new_guest,
    new_user,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def fill_up(redis: Redis) -> None:
    redis.config_set("maxmemory", 1)


def read_readiness() -> Any:
    return Client().get("/readyz").json()


def test_additions_are_refused_while_carts_are_read_shrink_and_are_saved(own_redis: Redis) -> None:
    user, guest = new_user(), new_guest()
    kept, removed = SkuFactory.create_batch(2)
    user.add(kept, 2)
    named = item_id(user.add(removed, 3), removed)
    guest.add(kept)
    fill_up(own_redis)

    with unchanged(user, guest):
        refused = [
            user.call("POST", "/cart", addition_of(kept)),
            user.call("POST", "/cart/merge", {"guestSessionId": guest.owner_id}),
        ]
    after = user.data("DELETE", f"/cart/item/{named}")
    save_all()

    assert [summary_of(read_refusal(answer)) for answer in refused] == [UNAVAILABLE] * 2
    assert quantities_of(after) == saved_units(user) == {kept.id: 2}
    assert read_readiness()["error"]["checks"]["redis"] == "takes no changes"
    own_redis.config_set("maxmemory", 0)
    assert quantities_of(user.add(kept)) == {kept.id: 3}


def test_carts_are_saved_in_the_background_and_erased_while_memory_is_full(
    own_redis: Redis,
) -> None:
    user, sku = new_user(), SkuFactory.create()
    user.add(sku, 2)
    fill_up(own_redis)

    list(save_oldest(prefix="", source="test"))

    assert saved_units(user) == {sku.id: 2}
    assert own_redis.zcard("cart:dirty") == 0
    assert bulk.erase("", [owner_of(user)]) == 1
    assert own_redis.exists(cart_key(owner_of(user))) == 0


def test_a_policy_that_makes_room_drops_carts_and_is_not_ready(own_redis: Redis) -> None:
    """The twin."""
    guest = new_guest()
    guest.add(SkuFactory.create(), 2)
    own_redis.config_set("maxmemory-policy", "allkeys-lru")
    fill_up(own_redis)

    refused = guest.call("POST", "/cart", addition_of(SkuFactory.create()))

    assert refused.status_code == 503
    assert read_readiness()["error"]["checks"]["redis"] == "drops carts"
    assert guest.cart()["items"] == []
