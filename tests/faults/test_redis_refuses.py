"""Redis is there and refuses: every look at it is told so, and nothing tells a guest id."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from carts.admin import lookups
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live import bulk, care, gauges, guests
from carts.live.connection import store_errors
from config.stores.redis import find_outage
from tests.carts.admin.staff import LIST, owner_page_of, sign_in
from tests.carts.api.test_privacy import formatted
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import new_guest
from tests.factories import SkuFactory
from tests.faults.servers import wait_until

pytestmark = pytest.mark.django_db


@contextmanager
def busy(redis: Redis) -> Iterator[None]:
    """Have a script run that does not end."""

    port = redis.connection_pool.connection_kwargs["port"]

    def run() -> None:
        with (
            Redis(port=port, socket_timeout=None) as client,
            pytest.raises(ResponseError, match="killed"),
        ):
            client.eval("while true do end", 0)

    redis.config_set("busy-reply-threshold", 1)
    script = threading.Thread(target=run)
    script.start()
    try:
        wait_until(lambda: is_refused(redis))
        yield
    finally:
        redis.script_kill()
        script.join()


@contextmanager
def without_primary(redis: Redis) -> Iterator[None]:
    """Make it the replica of a server that is not there."""
    redis.config_set("replica-serve-stale-data", "no")
    redis.replicaof("127.0.0.1", "1")
    try:
        wait_until(lambda: is_refused(redis))
        yield
    finally:
        redis.replicaof("NO", "ONE")


def is_refused(redis: Redis) -> bool:
    try:
        redis.get("x")
    except RedisError:
        return True
    return False


Trouble = Callable[[Redis], AbstractContextManager[None]]
LOOKS: dict[str, Callable[[CartOwner], object]] = {
    "SKU": lambda owner: bulk.find_units([owner], "x"),
    "notes": lambda owner: guests.note_guests([owner]),
    "found": lambda owner: lookups.find_guest("x"),
    "read many": lambda owner: bulk.read_hashes("", [owner]),
    "look": care.look_at,
    "read to save": lambda owner: bulk.read_to_save("", [owner]),
    "put away": lambda owner: care.put_away(owner, ttl_ms=1_000),
    "gauges": lambda owner: gauges.read_gauges(),
}


@pytest.mark.parametrize("trouble", [busy, without_primary])
def test_every_look_is_told_that_the_store_is_unavailable(
    trouble: Trouble, own_redis: Redis
) -> None:
    guest = new_guest()
    guest.add(SkuFactory.create())

    with trouble(own_redis):
        for name, look in LOOKS.items():
            with pytest.raises(CartStoreUnavailable) as told:
                look(owner_of(guest))
            assert guest.owner_id not in str(told.value.__cause__), name


@pytest.mark.parametrize("trouble", [busy, without_primary])
def test_staff_are_told_so_and_no_log_line_tells_a_guest_id(
    trouble: Trouble, own_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    guest, sku = new_guest(), SkuFactory.create()
    guest.add(sku)
    client, _ = sign_in()
    client.raise_request_exception = False
    caplog.set_level(logging.DEBUG)

    with trouble(own_redis):
        pages: list[Any] = [
            client.get(LIST),
            client.get(LIST, {"unsaved": "yes"}),
            client.get(owner_page_of(guest), follow=True),
            client.post(f"{LIST}find/", {"text": guest.owner_id}, follow=True),
            client.get(f"{LIST}find/", {"sku": sku.pk}),
            client.get("/admin/"),
            client.get("/metrics"),
        ]
        with pytest.raises(CommandError, match="Cart service is temporarily unavailable"):
            call_command("inspect_cart", "--guest", guest.owner_id)

    assert [page.status_code for page in pages] == [200] * len(pages)
    shown = "".join(page.content.decode() for page in pages)
    assert guest.owner_id not in shown + formatted(caplog.records)


KINDS = ["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM"]
BEFORE = [
    "",
    "Command # 1 (HGETALL cart:guest:guest-secret) of pipeline caused error: ",
    "Error running script (call to f_5ca1): @user_script:3: -",
    "EXECABORT Transaction discarded because of: ",
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("kind", [*KINDS, "READONLY", "TRYAGAIN"])
def test_a_reason_that_passes_is_told_whatever_stands_before_it(kind: str, before: str) -> None:
    error = ResponseError(f"{before}{kind} Redis cannot answer now.")

    with pytest.raises(CartStoreUnavailable) as raised, store_errors():
        raise error

    assert find_outage(error)
    assert "guest-secret" not in str(raised.value.__cause__)


@pytest.mark.parametrize(
    "text",
    [
        "Command # 2 (GET cart:guest:guest-secret) of pipeline caused error: WRONGTYPE no hash",
        "unknown command 'DUMP', with args beginning with: 'cart:guest:guest-secret' ",
        "BUSYGROUP no such thing for guests",
    ],
)
def test_what_was_asked_wrongly_stays_an_error_without_its_arguments(text: str) -> None:
    with pytest.raises(ResponseError) as raised, store_errors():
        raise ResponseError(text)

    assert find_outage(raised.value) is None
    assert "guest-secret" not in str(raised.value)
