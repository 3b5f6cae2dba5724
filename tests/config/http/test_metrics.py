"""/metrics: who may read it, what it counts, and that every process is in it."""

import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from django.test import Client
from pytest_django import Settings

from tests.carts.shopper import new_guest
from tests.config.admin.figures import grows, parse_figures
from tests.config.project import (
    PATIENCE_SECONDS,
    finish,
    name_stores,
    run_python,
    start_python,
    wait_for_line,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def test_requests_are_counted_by_route_method_and_status() -> None:
    guest = new_guest()
    sku = SkuFactory.create()

    with (
        grows("http_requests_total", route="cart", method="GET", status="200", by=2),
        grows("http_requests_total", route="cart", method="POST", status="400", by=1),
        grows("http_requests_total", route="cart-item", method="PUT", status="403", by=1),
        grows("http_request_duration_seconds_count", route="cart", method="GET", by=2),
    ):
        guest.cart()
        guest.cart()
        guest.refusal("POST", "/cart", {"productId": sku.product_id, "quantity": 0})
        guest.refusal("PUT", "/cart/item/c1_s1", {"quantity": 1})


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing", "/api/cart/item/a/b"])
def test_requests_without_a_route_are_counted_as_unmatched(path: str) -> None:
    with grows("http_requests_total", route="unmatched", method="GET", status="404", by=1):
        Client().get(path)


def test_methods_that_do_not_exist_are_counted_as_one() -> None:
    with grows("http_requests_total", route="cart", method="other", status="405", by=2):
        Client().generic("BREW", "/api/cart")
        Client().generic("STEEP", "/api/cart")


def test_nothing_a_client_sends_becomes_a_label() -> None:
    guest = new_guest()
    guest.call("GET", "/cart/item/a-private-thing?also=private-things")
    guest.call("PUT", "/cart/item/a-private-thing", {"quantity": 1})

    figures = Client().get("/metrics").content.decode()

    assert "private" not in figures
    assert guest.owner_id not in figures


@pytest.mark.parametrize(
    ("address", "headers", "proxies", "status"),
    [
        ("10.1.2.3", {}, 0, 200),
        ("10.2.0.1", {}, 0, 403),
        ("127.0.0.1", {}, 0, 403),
        ("fd00::17", {}, 0, 200),
        ("", {}, 0, 403),
        ("10.2.0.1", {"X-Forwarded-For": "10.1.2.3"}, 0, 403),
        ("10.2.0.1", {"X-Forwarded-For": "10.1.2.3"}, 1, 200),
        ("10.1.2.3", {"X-Forwarded-For": "10.1.2.3, 8.8.8.8"}, 1, 403),
        # A proxy in a trusted network passes on what comes from anywhere.
        ("10.1.2.3", {"X-Forwarded-For": "8.8.8.8"}, 0, 403),
        ("10.1.2.3", {"X-Forwarded-For": "10.1.2.3"}, 2, 403),
        ("10.1.2.3", {}, 1, 200),
        ("8.8.8.8", {"Authorization": "Bearer right"}, 0, 200),
        ("8.8.8.8", {"Authorization": "Bearer wrong"}, 0, 403),
        ("8.8.8.8", {"Authorization": "right"}, 0, 403),
        ("8.8.8.8", {"Authorization": "Bearer ünd"}, 0, 403),
    ],
)
def test_only_the_token_and_the_networks_named_may_read(
    settings: Settings, address: str, headers: dict[str, str], proxies: int, status: int
) -> None:
    settings.METRICS_TOKEN = "right"
    settings.METRICS_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    settings.TRUSTED_PROXIES = proxies

    answer = Client().get("/metrics", headers=headers, REMOTE_ADDR=address)

    assert answer.status_code == status
    assert (b"http_requests_total" in answer.content) is (status == 200)


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer", ""])
def test_without_a_token_set_none_is_right(settings: Settings, authorization: str) -> None:
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = "", []

    answer = Client().get("/metrics", headers={"Authorization": authorization})

    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permission_denied"


PRINT_SETTINGS = """
from config import settings
print([settings.METRICS_TOKEN, list(map(str, settings.METRICS_NETWORKS)), settings.LOG_FORMAT])
"""
STORES = {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    ("environment", "printed"),
    [
        ("production", "['', [], 'json']"),
        ("development", "['', ['127.0.0.0/8', '::1/128'], 'line']"),
    ],
)
def test_production_shows_nobody_anything_until_told(environment: str, printed: str) -> None:
    ended = run_python("-c", PRINT_SETTINGS, ENVIRONMENT=environment, **STORES)

    assert ended.stdout.strip() == printed


def test_networks_are_read_from_the_environment() -> None:
    ended = run_python("-c", PRINT_SETTINGS, METRICS_NETWORKS="10.0.0.0/8,::1", **STORES)
    wrong = run_python("manage.py", "check", METRICS_NETWORKS="10.0.0.0/8,my-host", **STORES)

    assert "['10.0.0.0/8', '::1/128']" in ended.stdout
    assert wrong.returncode == 1
    assert "METRICS_NETWORKS" in wrong.stderr


@pytest.fixture
def web(transactional_db: None) -> Iterator[str]:
    """Yield the address of a web server of three processes on this test's stores."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    server = start_python("-m", "config.server", PORT=port, WEB_WORKERS="3", **name_stores())
    with server:
        try:
            for _ in range(3):
                wait_for_line(server, "Started worker")
            wait_until_served(f"http://127.0.0.1:{port}/healthz")
            yield f"http://127.0.0.1:{port}"
        finally:
            finish(server, signal.SIGTERM)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        text: str = answer.read().decode()
    return text


def wait_until_served(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            fetch(url)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{url} is not served")


def test_any_process_answers_for_all(web: str) -> None:
    for _ in range(60):
        fetch(f"{web}/healthz")

    answers = [parse_figures(fetch(f"{web}/metrics")) for _ in range(6)]

    labels = frozenset({("route", "healthz"), ("method", "GET"), ("status", "200")})
    # One more was asked while waiting for the server.
    assert [figures["http_requests_total", labels] for figures in answers] == [61.0] * 6
