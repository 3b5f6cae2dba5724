"""Stores that answer and take no changes: 503, not ready, and jobs that wait."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from django.test import Client
from redis import Redis

from accounts.tasks import revoke_deactivated_users
from carts import tasks
from config.stores import readiness
from orders.tasks import cancel_unpaid, forget_old_replies, settle
from tests.accounts.factories import PASSWORD, UserFactory
from tests.carts.permanent.copies import save_all, saved_units
from tests.carts.shopper import addition_of, new_user, quantities_of, read_refusal, unchanged
from tests.factories import SkuFactory
from tests.faults.servers import OwnPostgres, OwnValkey, use_database, wait_until
from tests.faults.test_postgres_down import serve
from tests.faults.test_worker_broker import become_a_replica, bring_the_disk_back, lose_the_disk
from tests.orders.buying import CONTACT, place_order

JOBS = [
    tasks.save_changed_carts,
    tasks.sweep_carts,
    tasks.finish_merges,
    tasks.drain_changes,
    tasks.purge_changes,
    revoke_deactivated_users,
    cancel_unpaid,
    settle,
    forget_old_replies,
]


def read_readiness() -> tuple[int, Any]:
    answer = Client().get("/readyz")
    envelope = answer.json()
    checks = (envelope["data"] or envelope["error"])["checks"]
    return answer.status_code, checks


@pytest.fixture
def standby(
    transactional_db: None, own_postgres: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnPostgres]:
    """A database that goes on to read alone, as the old primary does after a failover."""
    # It has all tables, and no row that tells of migrations.
    monkeypatch.setattr(readiness, "_lacks_migrations", lambda _: False)
    with use_database(own_postgres.url, statement_timeout_ms=5_000):
        yield own_postgres
        set_read_only(own_postgres, "off")


def set_read_only(server: OwnPostgres, value: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")
    # Whoever is connected has been told by then, too.
    wait_until(lambda: read_setting(server) == value)


def read_setting(server: OwnPostgres) -> Any:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute("SHOW default_transaction_read_only").fetchone()[0]  # type: ignore[index]


@pytest.mark.usefixtures("transactional_db")
def test_a_read_only_database_is_a_503_and_loses_nothing(standby: OwnPostgres) -> None:
    sku = SkuFactory.create()
    account = UserFactory.create()
    buyer = serve(new_user())
    buyer.add(sku, 2)
    save_all()
    set_read_only(standby, "on")

    refused = [
        buyer.call("POST", "/orders", {"contact": CONTACT}),
        buyer.call("POST", "/auth/login", {"username": account.username, "password": PASSWORD}),
    ]
    added = buyer.add(sku)
    for job in JOBS:
        job()

    assert [read_refusal(answer)["error"]["type"] for answer in refused] == [
        "database_unavailable"
    ] * 2
    assert {answer["Retry-After"] for answer in refused} == {"1"}
    assert read_readiness() == (503, {"postgresql": "takes no changes", "redis": "ok"})
    assert quantities_of(added) == {sku.id: 3}
    assert saved_units(buyer) == {sku.id: 2}
    set_read_only(standby, "off")
    assert read_readiness()[0] == 200
    assert place_order(buyer)["itemCount"] == 3


@pytest.mark.usefixtures("transactional_db")
def test_a_page_of_the_staff_is_a_503_then_too(standby: OwnPostgres) -> None:
    account = UserFactory.create(is_staff=True)
    set_read_only(standby, "on")

    page = Client(raise_request_exception=False).post(
        "/admin/login/", {"username": account.username, "password": PASSWORD}
    )

    assert (page.status_code, page["Retry-After"]) == (503, "1")


def fill_memory(redis: Redis, _: OwnValkey) -> None:
    redis.config_set("maxmemory", 1)


def lose_the_replicas(redis: Redis, _: OwnValkey) -> None:
    redis.config_set("min-replicas-to-write", 1)


def lose_the_primary(redis: Redis, server: OwnValkey) -> None:
    redis.config_set("replica-serve-stale-data", "no")
    become_a_replica(redis, server)


def recover(redis: Redis, server: OwnValkey) -> None:
    redis.replicaof("NO", "ONE")
    redis.config_set("maxmemory", 0)
    redis.config_set("min-replicas-to-write", 0)
    if not server.folder.exists():
        bring_the_disk_back(redis, server)


Fault = Callable[[Redis, OwnValkey], None]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fault", [fill_memory, become_a_replica, lose_the_disk, lose_the_replicas, lose_the_primary]
)
def test_a_valkey_that_takes_no_changes_is_a_503_and_not_ready(
    own_redis: Redis, own_valkey: OwnValkey, fault: Fault
) -> None:
    user, sku = new_user(), SkuFactory.create()
    user.add(sku, 2)
    calls = [
        partial(user.call, "POST", "/cart", addition_of(sku)),
        partial(user.call, "POST", "/auth/login", {"username": "nobody", "password": "wrong one"}),
    ]
    fault(own_redis, own_valkey)

    refused = [read_refusal(call()) for call in calls]
    status, checks = read_readiness()
    for job in JOBS:
        job()
    recover(own_redis, own_valkey)

    assert [(each["code"], each["error"]["type"]) for each in refused] == [
        (503, "cart_store_unavailable"),
        (503, "rate_limiter_unavailable"),
    ]
    assert (status, checks["postgresql"]) == (503, "ok")
    assert checks["redis"] in {"takes no changes", "unreachable"}
    assert read_readiness() == (200, {"postgresql": "ok", "redis": "ok"})
    assert quantities_of(user.add(sku)) == {sku.id: 3}


@pytest.mark.django_db
def test_looking_whether_changes_are_taken_changes_nothing(own_redis: Redis) -> None:
    user = new_user()
    user.add(SkuFactory.create())
    before = count_changes(own_redis)

    with unchanged(user):
        assert read_readiness()[0] == 200

    assert count_changes(own_redis) == before


def count_changes(redis: Redis) -> int:
    return int(redis.info("persistence")["rdb_changes_since_last_save"])
