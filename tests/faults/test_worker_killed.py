"""A Celery worker killed (kill -9) in the middle of a sync: what is left is done by itself.

The job of a killed child is taken up by the worker's next child; where the whole worker is killed,
the next tick does what the last one has not. The rows are those that an undisturbed sync writes.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from redis import Redis

from carts import tasks
from carts.domain.cart import Cart, CartOwner, Line
from carts.models import Cart as CartModel
from carts.permanent.copies import read_carts
from carts.permanent.saving import SaveResult
from tests.carts.permanent.copies import put_unsaved, save_all
from tests.config.project import name_stores, start_python, wait_for_line
from tests.faults.servers import find_children, wait_until
from tests.steps import INSERT_CARTS, READ_TO_SAVE, act_before

pytestmark = pytest.mark.django_db(transaction=True)

CARTS = 1_500
# So many carts are in one transaction of the worker.
BATCH = 10


def make_unsaved(redis: Redis, count: int) -> dict[str, Cart]:
    """Put so many carts in place, each with lines of its own; return them by id."""
    now_ms = int(time.time() * 1_000)
    carts = [
        Cart(
            id=f"c{number:023d}",
            owner=CartOwner.for_guest(f"guest-{number:08d}"),
            version=now_ms + number,
            created_ms=now_ms,
            updated_ms=now_ms,
            lines=tuple(
                Line(f"sku-{line}", number % 9 + line + 1, line % 2 == 0, 1, now_ms + line, now_ms)
                for line in range(number % 4)
            ),
        )
        for number in range(count)
    ]
    for cart in carts:
        put_unsaved(redis, cart)
    return {cart.id: cart for cart in carts}


@contextmanager
def run_worker(**variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker with one child; whatever is left of it is killed afterwards."""
    worker = start_python(
        "-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", "-c", "1",
        CART_SAVE_BATCH=str(BATCH), **name_stores() | variables,
    )  # fmt: skip
    with worker:
        try:
            wait_for_line(worker, "ready.")
            yield worker
        finally:
            kill_all(worker)


def kill_all(worker: subprocess.Popen[str]) -> None:
    if worker.poll() is not None:
        return
    children = find_children(worker.pid)
    # First of all the one that would start new ones.
    worker.kill()
    worker.wait()
    for child in children:
        os.kill(child, signal.SIGKILL)


@contextmanager
def held_in_the_middle(*, beyond: int) -> Iterator[int]:
    """Hold the sync at one of its next batches, once it has saved more carts than `beyond`.

    Yields how many it has saved.
    """
    wait_until(lambda: CartModel.objects.count() > beyond)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE carts_cart IN SHARE MODE")
        yield CartModel.objects.count()


def save_until_the_carts_of_the_dead_are_anybodys(redis: Redis) -> None:
    def save() -> bool:
        tasks.save_changed_carts()
        return redis.zcard("cart:dirty") == 0

    wait_until(save)


def test_a_sync_whose_worker_is_killed_twice_writes_the_rows_of_an_undisturbed_one(
    redis_server: Redis,
) -> None:
    carts = make_unsaved(redis_server, CARTS)
    tasks.save_changed_carts.delay()

    with run_worker() as worker:
        with held_in_the_middle(beyond=0) as first_saved:
            [child] = find_children(worker.pid)
            os.kill(child, signal.SIGKILL)
        with held_in_the_middle(beyond=first_saved) as then_saved:
            kill_all(worker)
    assert 0 < first_saved < then_saved < CARTS
    save_until_the_carts_of_the_dead_are_anybodys(redis_server)

    assert read_carts(list(carts)) == carts
    assert CartModel.objects.count() == CARTS
    assert redis_server.zcard("cart:dirty") == 0
    assert redis_server.hget("cart:counters", "drift") is None
    assert save_all() == SaveResult()


class Killed(BaseException):
    """The saver dies here."""


def test_a_sync_that_took_the_marks_off_first_would_leave_carts_unsaved(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: a mark goes when its cart is saved, so that whoever comes next knows of it."""
    carts = make_unsaved(redis_server, BATCH)

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        act_before(patch, READ_TO_SAVE, lambda: redis_server.delete("cart:dirty"))
        act_before(patch, INSERT_CARTS, die)
        with pytest.raises(Killed):
            save_all()

    assert save_all() == SaveResult()
    assert read_carts(list(carts)) == {}
