"""A guest's hash whose time runs out while it is read or changed: the whole cart, or none."""

from typing import Any

import pytest
from redis import Redis

from carts.live.keys import cart_key
from products.models import Sku
from tests.carts.permanent.copies import hash_of, owner_of, save_all
from tests.carts.shopper import Shopper, new_guest, quantities_of
from tests.factories import SkuFactory
from tests.faults.servers import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]

LIVES_MS = range(1, 51)
READS = 20


@pytest.fixture
def skus() -> list[Sku]:
    return SkuFactory.create_batch(3, stock=10_000)


@pytest.fixture
def guest(skus: list[Sku]) -> Shopper:
    """A guest with three lines."""
    guest = new_guest()
    for units, sku in enumerate(skus, start=1):
        guest.add(sku, units)
    return guest


def test_reads_around_the_end_see_the_whole_cart_or_none(
    guest: Shopper, redis_server: Redis
) -> None:
    key, fields = cart_key(owner_of(guest)), hash_of(redis_server, guest)
    whole = guest.cart()
    seen = [whole]

    for life_ms in LIVES_MS:
        redis_server.hset(key, mapping=fields)  # type: ignore[arg-type]
        redis_server.pexpire(key, life_ms)
        seen += [guest.cart() for _ in range(READS)]
    wait_until(lambda: not redis_server.exists(key))
    seen += [guest.cart()]

    present = [cart for cart in seen if cart["version"]]
    assert len(seen) == 1_002
    assert 0 < len(present) < 1_002
    assert all(cart == whole for cart in present)
    assert all(cart["items"] == [] for cart in seen if not cart["version"])


def test_reads_around_the_end_of_a_saved_cart_all_see_it(
    guest: Shopper, redis_server: Redis
) -> None:
    save_all()
    whole = guest.cart()
    seen = []

    for life_ms in LIVES_MS:
        redis_server.pexpire(cart_key(owner_of(guest)), life_ms)
        seen += [guest.cart() for _ in range(READS)]

    assert seen == [whole] * 1_000
    assert int(redis_server.hget("cart:counters", "restores") or 0) > 0


def test_changes_around_the_end_of_a_saved_cart_are_made_to_all_of_it(
    guest: Shopper, skus: list[Sku], redis_server: Redis
) -> None:
    first, *others = skus
    answers = []

    for life_ms in LIVES_MS:
        save_all()
        redis_server.pexpire(cart_key(owner_of(guest)), life_ms)
        answers += [guest.add(first)]

    expected: dict[str, Any] = {others[0].id: 2, others[1].id: 3}
    assert [quantities_of(cart) for cart in answers] == [
        {first.id: 1 + count, **expected} for count in range(1, len(answers) + 1)
    ]


def test_a_cart_read_in_two_round_trips_may_be_half_gone(
    guest: Shopper, redis_server: Redis
) -> None:
    """The twin: this is why a cart is read by one command."""
    key = cart_key(owner_of(guest))

    version, skus = redis_server.hmget(key, "@version", "@id")[0], redis_server.hkeys(key)
    redis_server.pexpire(key, 1)
    wait_until(lambda: not redis_server.exists(key))
    lines = redis_server.hmget(key, skus)

    assert version is not None
    assert lines == [None] * len(skus)
