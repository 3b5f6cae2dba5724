"""The carts' figures for Prometheus, asked of the store whenever they are read.

They are the whole shop's, the same whichever web process is asked; a graph over several takes one
(`max`), not their sum.
"""

from collections.abc import Iterator
from typing import get_args

from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from carts.domain.errors import CartStoreUnavailable
from carts.jobs import list_jobs
from carts.live.aside import FAILURES
from carts.live.gauges import StoreGauges, read_gauges
from carts.live.roll import FOUND, DriftKind

_COUNTERS = {
    "saves": ("cart_saves", "Carts saved to the database."),
    "restores": ("cart_restores", "Carts brought back from the database."),
    "set_aside": ("cart_unsavable", "Saves of carts that no row can hold."),
    "merges": ("cart_merges", "Guests' carts merged into users'."),
    "merge_capped_lines": ("cart_merge_capped_lines", "Lines a merge gave fewer units."),
    "changes_set_aside": ("cart_changes_unreadable", "Change entries that were set aside."),
    "events_published": ("cart_events_published", "Changes published to Kafka."),
    "script_errors": ("cart_script_errors", "Commands the store refused as wrong."),
}


class CartCollector(Collector):
    """What the live store tells of itself; `cart_store_up` alone when it does not answer."""

    def collect(self) -> Iterator[Metric]:
        try:
            gauges = read_gauges()
        except CartStoreUnavailable:
            yield _gauge("cart_store_up", "Whether the live store answers.", 0)
            return
        yield _gauge("cart_store_up", "Whether the live store answers.", 1)
        yield from _describe_state(gauges)
        yield from _describe_work(gauges)


def _describe_state(gauges: StoreGauges) -> Iterator[Metric]:
    yield _gauge("cart_unsaved", "Carts changed since they were saved.", gauges.unsaved_carts)
    yield _gauge(
        "cart_oldest_unsaved_seconds",
        "Age of the oldest change that is not saved.",
        gauges.oldest_unsaved_seconds,
    )
    memory = gauges.memory
    yield _gauge("cart_store_memory_bytes", "Memory the live store uses.", memory.used_bytes)
    yield _gauge(
        "cart_store_memory_limit_bytes",
        "Memory the live store may use: maxmemory, or the machine's; 0 where it does not say.",
        memory.limit_bytes,
    )
    yield _gauge("cart_set_aside", "Carts that cannot be saved.", gauges.carts_set_aside)
    yield _gauge("cart_drifted", "Carts found to differ from their copy.", gauges.carts_drifted)
    yield _gauge("cart_merges_pending", "Merges begun and not finished.", gauges.pending_merges)
    yield _gauge("cart_changes_waiting", "Changes in the stream.", gauges.waiting_changes)
    yield _gauge(
        "cart_oldest_change_seconds",
        "Age of the oldest change that is not in the log.",
        gauges.oldest_change_seconds,
    )
    if settings.CART_EVENTS_KAFKA:
        pending = gauges.counters.get("events_pending", 0)
        yield _gauge("cart_events_pending", "Changes not published yet.", pending)


def _describe_work(gauges: StoreGauges) -> Iterator[Metric]:
    for name, (metric, text) in _COUNTERS.items():
        yield CounterMetricFamily(metric, text, value=gauges.counters.get(name, 0))
    yield _count_drift(gauges)
    yield _count_failures(gauges)
    yield CounterMetricFamily(
        "cart_changes_drained", "Changes moved to the log.", value=gauges.drained_changes
    )
    yield CounterMetricFamily(
        "cart_changes_lost",
        "Changes cut off the stream before they were in the log.",
        value=gauges.lost_changes,
    )


def _count_drift(gauges: StoreGauges) -> Metric:
    text = "Carts that comparing found adrift, by kind, and that a save united with newer copies."
    drift = CounterMetricFamily("cart_drift", text, labels=["kind"])
    for kind in get_args(DriftKind):
        drift.add_metric([kind], gauges.counters.get(f"{FOUND}{kind}", 0))
    drift.add_metric(["united"], gauges.counters.get("drift", 0))
    return drift


def _count_failures(gauges: StoreGauges) -> Metric:
    text = "Entries of a job that failed and were set aside."
    failures = CounterMetricFamily("cart_job_failures", text, labels=["job"])
    for job in list_jobs():
        failures.add_metric([job], gauges.counters.get(f"{FAILURES}{job}", 0))
    return failures


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
