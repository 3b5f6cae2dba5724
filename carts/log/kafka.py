"""The change log in Kafka, for other systems: each row is sent as an event, at least once.

Off unless CART_EVENTS_KAFKA names the brokers. The topic is CART_EVENTS_TOPIC, the key the cart's
id, so that the events of a cart stay in order. The value is JSON in UTF-8:

    {"id": 17, "at": "2026-01-02T03:04:05.678Z", "cart": "c…", "version": 1733653800123,
     "owner": {"kind": "guest", "id": "<24 hexadecimal digits>"}, "action": "add", "sku": "…",
     "before": 0, "after": 2, "actor": "", "source": "api", "requestId": "…"}

An event may arrive twice, always with the same `id`. `owner.id` is a user's id, or a hash of a
guest's.

The rows are the queue, so the log is drained whether or not the brokers can be reached. How far it
is published is one number: the id up to which every row has been acknowledged.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

import orjson
from django.conf import settings
from django.db import transaction

from carts.live import counters
from carts.models import CartChange, Publication
from config.notation import format_time
from config.stores.database import allow_rest

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

logger = logging.getLogger(__name__)

_BATCH = 500
# A run has an end however fast new changes come; the next run goes on from there.
_MAX_BATCHES = 400
_MAX_COUNTED = 1_000_000
_DELIVERY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Published:
    """What a run did, in events; `pending` is counted up to a million."""

    sent: int
    pending: int


def publish_log() -> Published:
    """Send the changes that have not been sent yet, oldest first, at most 200,000.

    Holds 500 in memory. Stops at the first batch that is not acknowledged in 10 seconds. Safe at
    any time; of two runs at once, one does nothing. Raises OperationalError, KafkaException.
    """
    if not settings.CART_EVENTS_KAFKA:
        return Published(0, 0)
    Publication.objects.get_or_create(channel=Publication.KAFKA)
    sent = 0
    if _count_pending():
        producer = _open_producer()
        for _ in range(_MAX_BATCHES):
            batch = _publish_batch(producer)
            sent += batch
            if batch < _BATCH:
                break
        counters.add("events_published", sent)
    pending = _count_pending()
    counters.put("events_pending", pending)
    return Published(sent, pending)


def _count_pending() -> int:
    cursor = Publication.objects.get(channel=Publication.KAFKA)
    return CartChange.objects.filter(pk__gt=cursor.last_id)[:_MAX_COUNTED].count()


def _publish_batch(producer: "Producer") -> int:
    """Send the next changes, and note how far that got; return how many were sent.

    The note is locked meanwhile, so that another run that comes by does nothing.
    """
    with transaction.atomic():
        cursors = Publication.objects.select_for_update(skip_locked=True)
        cursor = cursors.filter(channel=Publication.KAFKA).first()
        if cursor is None:
            return 0
        allow_rest(timedelta(seconds=2 * _DELIVERY_SECONDS))
        later = CartChange.objects.filter(pk__gt=cursor.last_id)
        changes = list(later.order_by("pk")[:_BATCH])
        sent = _send(producer, changes)
        if sent:
            cursor.last_id = changes[sent - 1].pk
            cursor.save(update_fields=["last_id"])
    return sent


def _open_producer() -> "Producer":
    # Installed only where events are published, from requirements/kafka.txt.
    from confluent_kafka import Producer

    return Producer(
        {
            "bootstrap.servers": settings.CART_EVENTS_KAFKA,
            "enable.idempotence": True,
            "delivery.timeout.ms": _DELIVERY_SECONDS * 1_000,
            **settings.CART_EVENTS_KAFKA_OPTIONS,
        }
    )


def _send(producer: "Producer", changes: Sequence[CartChange]) -> int:
    """Send changes and wait; return how many were acknowledged with all before them."""
    acknowledged: set[int] = set()
    errors: list[KafkaError] = []

    def note(change_id: int, error: "KafkaError | None", _message: "Message") -> None:
        if error is None:
            acknowledged.add(change_id)
        else:
            errors.append(error)

    for change in changes:
        producer.produce(
            settings.CART_EVENTS_TOPIC,
            key=change.cart_id,
            value=describe_event(change),
            on_delivery=partial(note, change.pk),
        )
    producer.flush(_DELIVERY_SECONDS + 1)
    if len(acknowledged) < len(changes):
        reason = errors[0].str() if errors else "no answer"
        logger.warning("cart changes were not published, and will be later: %s", reason)
    return sum(1 for _ in takewhile(lambda change: change.pk in acknowledged, changes))


def describe_event(change: CartChange) -> bytes:
    """Return the event of a change."""
    return orjson.dumps(
        {
            "id": change.pk,
            "at": format_time(change.at),
            "cart": change.cart_id,
            "version": change.version,
            "owner": {"kind": change.owner_kind, "id": change.owner_id},
            "action": change.action,
            "sku": change.sku_id,
            "before": change.before,
            "after": change.after,
            "actor": change.actor,
            "source": change.source,
            "requestId": change.request_id,
        }
    )
