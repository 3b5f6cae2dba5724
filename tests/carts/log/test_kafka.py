"""The change log on Kafka: each change at least once, in the order of its cart.

The brokers are librdkafka's own: they speak Kafka's protocol on a port of this machine.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from django.core.checks import run_checks
from django.db import connection
from pytest_django import Settings
from redis import Redis

from carts import checks
from carts.log import kafka
from carts.log.kafka import Published, publish_log
from carts.log.rows import drain_streams
from carts.models import CartChange, Publication
from config.hashing import hash_secret
from tests.carts.log.entries import write_entries
from tests.carts.shopper import Shopper, addition_of
from tests.factories import SkuFactory
from tests.steps import SEND_TO_KAFKA, act_after, act_before

pytestmark = pytest.mark.django_db

TOPIC = "shop.cart-changes"
PATIENCE_SECONDS = 150


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Yield the addresses of a cluster of three brokers."""
    cluster = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none:1"})
    yield ",".join(
        f"{broker.host}:{broker.port}" for broker in cluster.list_topics().brokers.values()
    )
    cluster.flush()


@pytest.fixture
def _published(settings: Settings, brokers: str, request: pytest.FixtureRequest) -> None:
    """Publish to the cluster, on a topic of the test's own."""
    settings.CART_EVENTS_KAFKA = brokers
    settings.CART_EVENTS_TOPIC = f"{TOPIC}.{abs(hash(request.node.name))}"


@pytest.fixture
def _no_brokers(settings: Settings) -> None:
    """Publish to a port where nobody listens, and give up soon."""
    settings.CART_EVENTS_KAFKA = "127.0.0.1:1"
    settings.CART_EVENTS_KAFKA_OPTIONS = {"delivery.timeout.ms": 300, "log_level": 0}


def read_topic(settings: Settings, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return key and value of the topic's first messages, each partition's in its order."""
    consumer = Consumer({"bootstrap.servers": settings.CART_EVENTS_KAFKA, "group.id": "test"})
    partitions = (
        consumer.list_topics(settings.CART_EVENTS_TOPIC)
        .topics[settings.CART_EVENTS_TOPIC]
        .partitions
    )
    consumer.assign(
        [TopicPartition(settings.CART_EVENTS_TOPIC, number, 0) for number in partitions]
    )
    messages = consumer.consume(count, timeout=PATIENCE_SECONDS)
    late = consumer.consume(1, timeout=0.2)
    consumer.close()
    assert (len(messages), len(late)) == (count, 0)
    return [
        ((message.key() or b"").decode(), json.loads(message.value() or b""))
        for message in messages
    ]


def last_published() -> int:
    return Publication.objects.get().last_id


@pytest.mark.usefixtures("_published")
def test_an_event_tells_of_its_change(guest: Shopper, settings: Settings) -> None:
    sku = SkuFactory.create()
    cart = guest.data("POST", "/cart", addition_of(sku, 2), X_Request_ID="from-the-shop")
    drain_streams()

    published = publish_log()

    change = CartChange.objects.get()
    assert published == Published(sent=1, pending=0)
    assert read_topic(settings, 1) == [
        (
            cart["id"],
            {
                "id": change.pk,
                "at": change.at.strftime("%Y-%m-%dT%H:%M:%S.")
                + f"{change.at.microsecond // 1000:03d}Z",
                "cart": cart["id"],
                "version": cart["version"],
                "owner": {"kind": "guest", "id": hash_secret(f"guest:{guest.owner_id}")},
                "action": "add",
                "sku": sku.pk,
                "before": 0,
                "after": 2,
                "actor": "",
                "source": "api",
                "requestId": "from-the-shop",
            },
        )
    ]


@pytest.mark.usefixtures("_published")
def test_every_change_is_published_once_and_a_carts_in_their_order(
    redis_server: Redis, settings: Settings
) -> None:
    for cart in "abc":
        write_entries(redis_server, 401, cart=cart * 24)
    drain_streams()

    first, second = publish_log(), publish_log()

    messages = read_topic(settings, 1_203)
    assert (first, second) == (Published(1_203, 0), Published(0, 0))
    for cart in "abc":
        versions = [value["version"] for key, value in messages if key == cart * 24]
        assert versions == list(range(1, 402))


@pytest.mark.usefixtures("_no_brokers")
def test_a_broker_that_is_down_stops_neither_the_log_nor_the_stream(
    redis_server: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    write_entries(redis_server, 700)

    drain_streams()
    published = publish_log()

    assert CartChange.objects.count() == 700
    assert redis_server.xlen("cart:changes") == 0
    assert published == Published(sent=0, pending=700)
    assert last_published() == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_what_waited_for_a_broker_is_published_when_it_is_back(
    redis_server: Redis, settings: Settings, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("_no_brokers")
    write_entries(redis_server, 3)
    drain_streams()
    publish_log()
    request.getfixturevalue("_published")
    settings.CART_EVENTS_KAFKA_OPTIONS = {}
    write_entries(redis_server, 2, cart="d" * 24)
    drain_streams()

    published = publish_log()

    assert published == Published(sent=5, pending=0)
    assert len(read_topic(settings, 5)) == 5


@pytest.mark.usefixtures("_published")
def test_changes_sent_by_a_run_that_died_are_sent_again(
    redis_server: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    write_entries(redis_server, 3)
    drain_streams()

    with monkeypatch.context() as patch:
        act_after(patch, SEND_TO_KAFKA, die)
        with pytest.raises(Killed):
            publish_log()
    publish_log()

    versions = [value["version"] for _, value in read_topic(settings, 6)]
    assert versions == [1, 2, 3, 1, 2, 3]


@dataclass
class LosingProducer:
    """A producer whose messages of one cart never arrive."""

    producer: Producer
    lost_cart: str

    def produce(self, topic: str, *, key: str, value: bytes, on_delivery: Any) -> None:
        if key == self.lost_cart:
            on_delivery(KafkaError(KafkaError._MSG_TIMED_OUT), None)
        else:
            self.producer.produce(topic, key=key, value=value, on_delivery=on_delivery)

    def flush(self, timeout: float) -> int:
        return self.producer.flush(timeout)


@pytest.mark.usefixtures("_published")
def test_what_is_not_acknowledged_is_sent_again_with_all_behind_it(
    redis_server: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cart in "abc":
        write_entries(redis_server, 2, cart=cart * 24)
    drain_streams()
    producer = kafka._open_producer()

    with monkeypatch.context() as patch:
        patch.setattr(kafka, "_open_producer", lambda: LosingProducer(producer, "b" * 24))
        first = publish_log()
    second = publish_log()

    carts = [key[0] for key, _ in read_topic(settings, 8)]
    assert (first, second) == (Published(sent=2, pending=4), Published(sent=4, pending=0))
    assert sorted(carts) == ["a", "a", "b", "b", "c", "c", "c", "c"]


@pytest.mark.usefixtures("_published")
@pytest.mark.django_db(transaction=True)
def test_of_two_runs_at_once_one_publishes(
    redis_server: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_entries(redis_server, 3)
    drain_streams()
    is_sending, may_send = Event(), Event()

    def hold() -> None:
        is_sending.set()
        may_send.wait(PATIENCE_SECONDS)

    def publish() -> Published:
        try:
            return publish_log()
        finally:
            connection.close()

    act_before(monkeypatch, SEND_TO_KAFKA, hold)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(publish)
        assert is_sending.wait(PATIENCE_SECONDS)
        fast = publish_log()
        may_send.set()
        first = slow.result(PATIENCE_SECONDS)

    assert (first.sent, fast) == (3, Published(sent=0, pending=3))
    assert len(read_topic(settings, 3)) == 3


def test_nothing_is_published_unless_brokers_are_named(
    redis_server: Redis, settings: Settings
) -> None:
    settings.CART_EVENTS_KAFKA = ""
    write_entries(redis_server, 3)
    drain_streams()

    assert publish_log() == Published(0, 0)
    assert Publication.objects.count() == 0


def test_brokers_without_the_client_installed_are_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CART_EVENTS_KAFKA = "kafka.example:9092"
    installed = run_checks()
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    missing = run_checks()
    settings.CART_EVENTS_KAFKA = ""

    assert "carts.E001" not in [message.id for message in installed]
    assert "carts.E001" in [message.id for message in missing]
    assert "carts.E001" not in [message.id for message in run_checks()]
