"""/healthz and /readyz: what they say about each thing that can be wrong."""

import contextlib
import copy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings
from redis import Redis

from config.development.embedded import open_stores
from config.stores import readiness

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"
# Ten times what it takes, for a busy machine.
GIVEN_UP_SECONDS = 30


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_migrations_seen", threading.Event())


@pytest.fixture
def use_redis(settings: Settings) -> Callable[[str], None]:
    def use(url: str) -> None:
        caches = copy.deepcopy(settings.CACHES)
        for cache in caches.values():
            cache["LOCATION"] = url
            cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]["socket_timeout"] = 0.3
        settings.CACHES = caches

    return use


@pytest.fixture
def own_redis(data_dir: Path, use_redis: Callable[[str], None]) -> Iterator[Redis]:
    """Use a Redis whose memory settings a test may change."""
    with (
        open_stores(data_dir, variables={"REDIS_URL"}) as urls,
        Redis.from_url(urls["REDIS_URL"]) as client,
    ):
        use_redis(urls["REDIS_URL"])
        yield client


def read_checks(client: Client) -> dict[str, Any]:
    answer = client.get("/readyz")
    envelope = answer.json()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert envelope["code"] == 503
    assert envelope["error"]["type"] == "not_ready"
    checks: dict[str, Any] = envelope["error"]["checks"]
    return checks


def test_healthz_asks_no_store(client: Client, use_redis: Callable[[str], None]) -> None:
    # Without the database mark a query would fail the test.
    use_redis(UNREACHABLE_REDIS)

    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json()["data"] == {"status": "up"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_under_any_host_name(client: Client, settings: Settings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    response = client.get(path, headers={"Host": "10.0.0.7:8000"})

    assert response.status_code == 200


@pytest.mark.django_db
def test_readyz_answers_200_when_both_stores_are_fine(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "status": "ready",
        "checks": {"postgresql": "ok", "redis": "ok"},
    }


@pytest.mark.django_db
def test_readyz_looks_for_migrations_until_it_has_seen_them_all(client: Client) -> None:
    client.get("/readyz")

    assert readiness._migrations_seen.is_set()


@pytest.mark.django_db
def test_readyz_names_an_unreachable_redis(
    client: Client, use_redis: Callable[[str], None]
) -> None:
    use_redis(UNREACHABLE_REDIS)

    assert read_checks(client) == {"postgresql": "ok", "redis": "unreachable"}


@pytest.mark.django_db
def test_readyz_gives_up_on_a_redis_that_hangs(
    client: Client, use_redis: Callable[[str], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()

        assert read_checks(client) == {"postgresql": "ok", "redis": "unreachable"}

    assert time.monotonic() - started < GIVEN_UP_SECONDS


@pytest.mark.django_db
def test_readyz_names_an_unreachable_database(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", str(tmp_path))

    assert read_checks(client) == {"postgresql": "unreachable", "redis": "ok"}


@pytest.mark.django_db
def test_readyz_gives_up_on_a_database_that_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    data_dir.mkdir()
    monkeypatch.setitem(connection.settings_dict, "HOST", str(data_dir))
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as silent:
        silent.bind(str(data_dir / ".s.PGSQL.5432"))
        silent.listen()
        started = time.monotonic()

        assert read_checks(client) == {"postgresql": "unreachable", "redis": "ok"}

    assert time.monotonic() - started < GIVEN_UP_SECONDS


@pytest.mark.django_db(transaction=True)
def test_readyz_names_missing_migrations(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("products")
    recorder.record_unapplied(*newest)
    try:
        assert read_checks(client) == {"postgresql": "migrations missing", "redis": "ok"}
    finally:
        recorder.record_applied(*newest)

    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-ttl"])
def test_policy_that_drops_carts_is_not_ready_and_fails_the_deploy_check(
    client: Client, own_redis: Redis, policy: str
) -> None:
    own_redis.config_set("maxmemory-policy", policy)
    own_redis.config_set("maxmemory", "100mb")

    assert read_checks(client) == {"postgresql": "ok", "redis": "drops carts"}
    assert [found.id for found in run_checks(tags=["caches"], include_deployment_checks=True)] == [
        "config.E001"
    ]


@pytest.mark.django_db
def test_policy_without_a_memory_limit_is_ready_and_warned_of(
    client: Client, own_redis: Redis
) -> None:
    own_redis.config_set("maxmemory-policy", "allkeys-lru")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["data"]["checks"]["redis"] == "would drop carts if memory were limited"
    assert [found.id for found in run_checks(tags=["caches"], include_deployment_checks=True)] == [
        "config.W001"
    ]


@pytest.mark.django_db
def test_noeviction_with_a_memory_limit_is_ready_and_passes_the_deploy_check(
    client: Client, own_redis: Redis
) -> None:
    own_redis.config_set("maxmemory", "100mb")

    assert client.get("/readyz").status_code == 200
    assert run_checks(tags=["caches"], include_deployment_checks=True) == []


def test_deploy_check_says_so_when_redis_cannot_be_asked(use_redis: Callable[[str], None]) -> None:
    use_redis(UNREACHABLE_REDIS)

    assert [found.id for found in run_checks(tags=["caches"], include_deployment_checks=True)] == [
        "config.I001"
    ]
