"""Replies of Redis that are lost after it has done what was asked: was the change made or not?

A client that sends its request again with the same Idempotency-Key need not know.
"""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from carts.api import idempotency
from products.models import Sku
from tests.carts.shopper import Shopper, addition_of, new_guest, quantities_of
from tests.factories import SkuFactory
from tests.faults.proxy import FaultyProxy
from tests.faults.servers import use_redis
from tests.products.threads import run_together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_limits", "_lossy_store"),
]

DEVICES = 16
ADDITIONS = 25
LOST_EVERY = 12
PATIENCE_SECONDS = 60


@pytest.fixture
def _lossy_store(proxy: FaultyProxy, proxy_url: str) -> Iterator[None]:
    """Lose every twelfth reply; the time-outs are long, so that nothing else goes wrong."""
    with use_redis(proxy_url), proxy.drop_replies(every=LOST_EVERY):
        yield


def add_until_acknowledged(device: Shopper, sku: Sku, **headers: str) -> Counter[int]:
    """Send an addition again until it succeeds; return the statuses on the way."""
    statuses: Counter[int] = Counter()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not statuses[200]:
        assert time.monotonic() < deadline
        response = device.call("POST", "/cart", addition_of(sku), **headers)
        statuses[response.status_code] += 1
        # 409: the first request with this key may still be on its way.
        time.sleep({409: 0.05}.get(response.status_code, 0))
    return statuses


def add_from_all_devices(guest: Shopper, sku: Sku, *, with_keys: bool) -> Counter[int]:
    def add_many(number: int) -> Counter[int]:
        device, statuses = Shopper(guest.owner_id, guest.headers), Counter[int]()
        for addition in range(ADDITIONS):
            key = {"Idempotency_Key": f"{number}-{addition}"} if with_keys else {}
            statuses += add_until_acknowledged(device, sku, **key)
        return statuses

    total: Counter[int] = Counter()
    for outcome in run_together(add_many, range(DEVICES), threads=DEVICES):
        assert isinstance(outcome, Counter), outcome
        total += outcome
    return total
