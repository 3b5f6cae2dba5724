"""Two beats, which nothing keeps from running: every job comes twice, and at once."""

import json
import signal
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from redis import Redis

from carts.models import CartChange, CartItem
from config.celery import app
from config.schedule import list_jobs
from tests.carts.log.entries import STREAM, write_entries
from tests.carts.shopper import new_guest, new_user
from tests.config.project import PATIENCE_SECONDS, finish, name_stores, start_python, wait_for_line
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "celery"
CARTS = 20
CHANGES = 3_000


def send_due_jobs(beat: DatabaseScheduler) -> None:
    for entry in beat.schedule.values():
        if entry.is_due().is_due:
            beat.apply_entry(entry, producer=beat.producer)


def name_task(message: bytes | str) -> str:
    task: str = json.loads(message)["headers"]["task"]
    return task


def run_worker_until_idle(redis_server: Redis) -> str:
    """Run a worker of two processes until nothing is queued or under way; return what it said."""
    worker = start_python(
        "-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", "-c", "2",
        **name_stores(),
    )  # fmt: skip
    with worker:
        try:
            wait_for_line(worker, "ready.")
            deadline = time.monotonic() + PATIENCE_SECONDS
            while redis_server.llen(QUEUE) or redis_server.hlen("unacked"):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            return finish(worker, signal.SIGTERM)
        finally:
            worker.kill()


def test_jobs_sent_by_two_beats_do_everything_once(redis_server: Redis) -> None:
    sku = SkuFactory.create()
    for number in range(CARTS):
        (new_user() if number % 2 else new_guest()).add(sku, 3)
    write_entries(redis_server, CHANGES - CARTS)
    PeriodicTask.objects.update(
        last_run_at=timezone.now() - timedelta(days=2),
        # A worker may take longer to start than some jobs are worth waiting for.
        expire_seconds=None,
    )
    beats = [DatabaseScheduler(app=app) for _ in range(2)]
    for beat in beats:
        assert len(beat.schedule) == len(list_jobs())

    for beat in beats:
        send_due_jobs(beat)
    queued = Counter(map(name_task, redis_server.lrange(QUEUE, 0, -1)))
    output = run_worker_until_idle(redis_server)

    assert queued == {job.task: 2 for job in list_jobs()}
    assert [line for line in output.splitlines() if line.startswith(("WARNING", "ERROR"))] == []
    assert CartChange.objects.count() == CHANGES
    assert redis_server.xlen(STREAM) == 0
    assert list(CartItem.objects.values_list("quantity", flat=True)) == [3] * CARTS
    assert redis_server.zcard("cart:dirty") == 0
