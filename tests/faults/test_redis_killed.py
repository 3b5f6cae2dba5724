"""Redis killed (kill -9) under load, and restarted from its own file or from an older one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.db import connection
from redis import Redis

from carts.permanent.saving import SaveResult
from products.models import Sku
from tests.carts.permanent.copies import hash_of, row_of, save_all, saved_units, version_of
from tests.carts.shopper import Shopper, addition_of, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.faults.servers import OwnValkey, wait_until
from tests.steps import forget_histories

KILLS = 10
WRITERS = 4
# At least so many additions are acknowledged between two kills.
ADDITIONS = 40


@dataclass
class Writer:
    """Adds one unit after another to a cart, and counts what was acknowledged and what was not."""

    shopper: Shopper
    sku: Sku
    acknowledged: int = 0
    unknown: int = 0

    def run(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            match self.shopper.call("POST", "/cart", addition_of(self.sku)).status_code:
                case 200:
                    self.acknowledged += 1
                case 503:
                    self.unknown += 1
                    time.sleep(0.005)
                case other:
                    raise AssertionError(other)
        connection.close()


def write_through_kills(server: OwnValkey, writers: list[Writer], *, kills: int) -> None:
    """Kill and restart the server so often, with changes before each kill and after the last."""
    is_over = threading.Event()

    def await_additions() -> None:
        goal = sum(writer.acknowledged for writer in writers) + ADDITIONS
        wait_until(lambda: sum(writer.acknowledged for writer in writers) >= goal)

    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(writer.run, is_over) for writer in writers]
        for _ in range(kills):
            await_additions()
            server.kill()
            server.start()
        await_additions()
        is_over.set()
        assert [run.result() for run in running] == [None] * len(writers)


@pytest.mark.usefixtures("_no_limits", "own_redis")
@pytest.mark.django_db(transaction=True)
def test_ten_kills_under_load_lose_nothing_acknowledged(own_valkey: OwnValkey) -> None:
    sku = SkuFactory.create(stock=1_000_000)
    shared = new_user()
    # Two devices of one shopper, and shoppers of their own.
    shoppers = [shared, shared, *(new_guest() for _ in range(WRITERS - 2))]
    writers = [Writer(Shopper(s.owner_id, s.headers), sku) for s in shoppers]

    write_through_kills(own_valkey, writers, kills=KILLS)

    for shopper in dict.fromkeys(s.owner_id for s in shoppers):
        mine = [writer for writer in writers if writer.shopper.owner_id == shopper]
        acknowledged = sum(writer.acknowledged for writer in mine)
        units = quantities_of(mine[0].shopper.cart())[sku.id]
        assert acknowledged <= units <= acknowledged + sum(writer.unknown for writer in mine)
    assert sum(writer.unknown for writer in writers) > 0


@pytest.mark.usefixtures("_no_limits")
@pytest.mark.django_db(transaction=True)
def test_without_the_append_only_file_a_kill_loses_what_was_acknowledged(
    own_valkey: OwnValkey, own_redis: Redis
) -> None:
    own_redis.config_set("appendonly", "no")
    writer = Writer(new_guest(), SkuFactory.create(stock=1_000_000))

    write_through_kills(own_valkey, [writer], kills=1)

    units = quantities_of(writer.shopper.cart())[writer.sku.id]
    assert units < writer.acknowledged


@pytest.mark.usefixtures("own_redis")
@pytest.mark.django_db
def test_a_restart_is_not_taken_for_an_older_file(own_valkey: OwnValkey) -> None:
    shopper, sku = new_user(), SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    shopper.add(sku, 1)

    own_valkey.kill()
    own_valkey.start()

    assert save_all() == SaveResult(saved=1)
    assert saved_units(shopper) == quantities_of(shopper.cart()) == {sku.id: 3}


def roll_back_after(server: OwnValkey, shopper: Shopper, early: Sku, late: Sku) -> None:
    """Leave Redis with a file from before the shopper's last saved change."""
    shopper.add(early, 1)
    save_all()
    server.kill()
    older = server.copy_files()
    server.start()
    shopper.add(late, 4)
    save_all()
    server.kill()
    server.put_files(older)
    server.start()


@pytest.mark.django_db
@pytest.mark.parametrize("make", [new_guest, new_user], ids=["guest", "user"])
def test_an_older_file_does_not_undo_what_was_saved_since(
    own_valkey: OwnValkey, own_redis: Redis, make: Callable[[], Shopper]
) -> None:
    early, late, new = SkuFactory.create_batch(3)
    shopper = make()
    roll_back_after(own_valkey, shopper, early, late)
    assert late.id.encode() not in hash_of(own_redis, shopper)
    shopper.add(new, 5)

    first, second = save_all(), save_all()

    assert (first, second) == (SaveResult(saved=1, united=1), SaveResult())
    expected = {early.id: 1, late.id: 4, new.id: 5}
    assert saved_units(shopper) == quantities_of(shopper.cart()) == expected
    assert row_of(shopper).version == version_of(own_redis, shopper)
    assert own_redis.hget("cart:counters", "drift") == b"1"


@pytest.mark.usefixtures("own_redis")
@pytest.mark.django_db
def test_without_knowing_its_history_an_older_file_undoes_what_was_saved(
    own_valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late, new = SkuFactory.create_batch(3)
    guest = new_guest()
    roll_back_after(own_valkey, guest, early, late)
    guest.add(new, 5)
    forget_histories(monkeypatch)

    save_all()

    assert saved_units(guest) == {early.id: 1, new.id: 5}
