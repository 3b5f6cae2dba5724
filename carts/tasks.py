"""Periodic work on carts. Each run finishes what the last one left, and may run twice at once."""

import logging
import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from carts.jobs import leave_to_next_run
from carts.live.bulk import read_unsaved_age
from carts.live.keys import shard_prefixes
from carts.log.kafka import publish_log
from carts.log.rows import drain_streams, purge_log
from carts.operations.merging import finish_stalled_merges
from carts.permanent import sweep
from carts.permanent.saving import save_oldest
from carts.permanent.sweep import SweepResult
from carts.permanent.verifying import verify_in_turn

logger = logging.getLogger(__name__)

# How long a shard may wait for a worker: later than that, the next run has sent another task.
_WRITE_BEHIND_WAITS = timedelta(minutes=1)
_HOURLY_WAITS = timedelta(hours=1)
# Below the time at which Celery would kill the task.
_HOURLY_SECONDS = 480
# Half of the time until the next run.
_VERIFY_SECONDS = 5


@shared_task
def save_changed_carts() -> None:
    """Save the carts that have changed, unless CART_WRITE_BEHIND_SECONDS turns that off.

    A run ends when the next one is due: two would take both processes of a worker.
    """
    seconds = settings.CART_WRITE_BEHIND_SECONDS
    if seconds:
        _save_shards("write-behind", waits=_WRITE_BEHIND_WAITS, seconds=seconds)


@shared_task
def save_unsaved_carts() -> None:
    """Save whatever is unsaved, write-behind or not."""
    _save_shards("hourly", waits=_HOURLY_WAITS, seconds=_HOURLY_SECONDS)


@shared_task
@leave_to_next_run()
def save_shard(prefix: str, source: str, seconds: float | None = None) -> None:
    """Save the unsaved carts of one shard, the oldest first; after `seconds`, leave the others."""
    began = batch_began = time.monotonic()
    for age in save_oldest(prefix=prefix, source=source):
        now = time.monotonic()
        if seconds is not None and now - began > seconds:
            break
        time.sleep(choose_rest(worked=now - batch_began, age=age, interval=_find_interval()))
        batch_began = time.monotonic()


def choose_rest(*, worked: float, age: timedelta, interval: timedelta) -> float:
    """Return for how many seconds a saver rests after a batch that took it `worked` seconds.

    Twice as long as it worked while its oldest change is as young as `interval`: nobody waits for
    the saver, while those who shop wait for the processors and stores that it uses. The older the
    change, the shorter the rest; none from twice the interval on, when savers have fallen behind.
    """
    lateness = age / interval - 1
    return 2 * worked * min(max(1 - lateness, 0), 1)


@shared_task
@leave_to_next_run()
def verify_carts() -> None:
    """Compare the next carts with their copies, unless CART_VERIFY_HOURS turns that off.

    In haste it does not rest, but leaves half of the time to other jobs.
    """
    if not settings.CART_VERIFY_HOURS:
        return
    began = page_began = time.monotonic()
    for is_hurried in verify_in_turn():
        now = time.monotonic()
        if now - began > _VERIFY_SECONDS:
            break
        time.sleep(0 if is_hurried else 2 * (now - page_began))
        page_began = time.monotonic()


@shared_task
@leave_to_next_run()
def sweep_carts() -> None:
    """End, put to rest and delete carts that nobody has touched for long."""
    swept = sum(sweep.sweep_carts(), SweepResult())
    logger.info("carts swept: %s", swept)


@shared_task
@leave_to_next_run()
def finish_merges() -> None:
    """Finish merges that were interrupted a minute ago or earlier."""
    finish_stalled_merges(begun_before=timezone.now() - timedelta(minutes=1))


@shared_task
@leave_to_next_run()
def drain_changes() -> None:
    """Move changes from the streams to the log."""
    drain_streams()


@shared_task
@leave_to_next_run()
def publish_changes() -> None:
    """Send changes to Kafka, if they are to be."""
    publish_log()


@shared_task
@leave_to_next_run()
def purge_changes() -> None:
    """Delete changes past their retention."""
    purge_log(now=timezone.now())


def _save_shards(source: str, *, waits: timedelta, seconds: float) -> None:
    """Save the shard here where it is the only one, else each in a task, for the workers to share.

    CART_SAVERS tasks share the carts of a shard that has fallen behind. All but one end after half
    of the time, so that other jobs have their turn where a worker has two processes.
    """
    prefixes = shard_prefixes()
    with leave_to_next_run():
        behind = [prefix for prefix in prefixes if _has_fallen_behind(prefix)]
        for prefix in behind:
            for _ in range(settings.CART_SAVERS - 1):
                _send_save(prefix, source, seconds / 2, waits=waits)
    if len(prefixes) == 1:
        save_shard(prefixes[0], source, seconds)
        return
    for prefix in prefixes:
        _send_save(prefix, source, seconds, waits=waits)


def _send_save(prefix: str, source: str, seconds: float, *, waits: timedelta) -> None:
    save_shard.apply_async((prefix, source, seconds), expires=waits.total_seconds())


def _has_fallen_behind(prefix: str) -> bool:
    return read_unsaved_age(prefix) > 2 * _find_interval()


def _find_interval() -> timedelta:
    """Return how often changed carts are saved."""
    seconds = settings.CART_WRITE_BEHIND_SECONDS
    return timedelta(seconds=seconds) if seconds else timedelta(hours=1)
