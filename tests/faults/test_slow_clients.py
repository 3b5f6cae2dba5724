"""Clients that are slow on purpose, before the server as production runs it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.config.project import PATIENCE_SECONDS
from tests.factories import SkuFactory
from tests.faults.servers import wait_until
from tests.faults.web import (
    GUEST,
    SILENT,
    SLOW_HEAD,
    SLOW_LOGIN,
    UNREAD_SCHEMA,
    Web,
    crowd,
    read_to_the_end,
    run_web,
)

pytestmark = pytest.mark.django_db(transaction=True)

STOP_SECONDS = 3


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Web]:
    """A server that waits three seconds for its clients. All tests of this module ask it."""
    with run_web(WEB_CLIENT_SECONDS="3", WEB_STOP_SECONDS=str(STOP_SECONDS)) as web:
        yield web


def assert_served(web: Web) -> None:
    """Ask for the cart and for health a number of times, from both of its processes."""
    answers = [web.ask("GET", path)[0] for path in ("/api/cart", "/healthz") * 6]
    assert answers == [200] * 12


def test_slow_bodies_stop_nobody_and_are_given_up(web: Web) -> None:
    with crowd(web.port, 300, SLOW_LOGIN, drips=True) as clients:
        assert_served(web)
        answers = [read_to_the_end(client) for client in clients]

    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
    assert b'"type":"request_timeout"' in answers[0]


@pytest.mark.parametrize("text", [SILENT, SLOW_HEAD])
def test_silent_connections_stop_nobody_and_are_closed(web: Web, text: str) -> None:
    with crowd(web.port, 1_000, text) as clients:
        assert_served(web)
        answers = [read_to_the_end(client) for client in clients]

    assert set(answers) == {b""}


def test_who_does_not_read_the_answer_stops_nobody(web: Web) -> None:
    with crowd(web.port, 100, UNREAD_SCHEMA):
        assert_served(web)


def test_a_slow_body_does_not_hold_up_the_end(django_db_setup: None) -> None:
    with run_web(WEB_CLIENT_SECONDS="60", WEB_STOP_SECONDS=str(STOP_SECONDS)) as web:
        added = add_one(web)
        with crowd(web.port, 5, SLOW_LOGIN, drips=True):
            web.begin_to_stop()
            web.wait_for_end(STOP_SECONDS + PATIENCE_SECONDS)

    kept = Client().get("/api/cart", headers=GUEST).json()["data"]
    assert kept["items"] == added["items"]


def add_one(web: Web) -> Any:
    """Return the guest's cart after one unit was added."""
    sku = SkuFactory.create()
    body = f'{{"productId": "{sku.product_id}", "quantity": 1}}'.encode()
    status, envelope = web.ask("POST", "/api/cart", body)
    assert status == 200
    return envelope["data"]


def test_a_request_under_way_is_finished_before_the_end(django_db_setup: None) -> None:
    with run_web(WEB_STOP_SECONDS="60") as web:
        sku = SkuFactory.create()
        body = f'{{"productId": "{sku.product_id}", "quantity": 1}}'
        head = f"POST /api/cart HTTP/1.1\nHost: localhost\nX-Guest-ID: {GUEST['X-Guest-ID']}\n"
        client = web.send(f"{head}Content-Length: {len(body)}\n\n{body[:-1]}")
        web.begin_to_stop()
        wait_until(lambda: not is_accepting(web))
        client.sendall(body[-1:].encode())
        answer = read_to_the_end(client)
        client.close()

    assert answer.startswith(b"HTTP/1.1 200")
    kept = Client().get("/api/cart", headers=GUEST).json()["data"]
    assert [line["quantity"] for line in kept["items"]] == [1]


def is_accepting(web: Web) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", web.port)) == 0
