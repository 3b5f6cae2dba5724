"""Requests as no well-behaved client writes them, before the server as production runs it."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from orders.models import Order
from tests.factories import SkuFactory
from tests.faults.web import GUEST, Web, read_to_the_end, run_web

pytestmark = pytest.mark.django_db(transaction=True)

CONTACT = {"email": "guest@example.com"}
HEAD = f"""\
Host: localhost
Connection: close
X-Guest-ID: {GUEST["X-Guest-ID"]}
Content-Type: application/json
"""


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Web]:
    """A server behind one proxy, which is the test. All tests of this module ask it."""
    with run_web(TRUSTED_PROXIES="1") as web:
        yield web


def fill_cart(web: Web) -> list[Any]:
    """Return the two lines of the guest's cart."""
    for sku in SkuFactory.create_batch(2):
        body = {"productId": sku.product_id, "quantity": 1}
        status, envelope = web.ask("POST", "/api/cart", json.dumps(body).encode())
        assert status == 200
    lines: list[Any] = envelope["data"]["items"]
    return lines


def exchange(web: Web, text: str) -> tuple[int, Any]:
    """Return status and envelope of the answer to what is sent."""
    with web.send(text) as client:
        head, _, body = read_to_the_end(client).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else None


def test_an_order_of_one_line_buys_that_line_also_in_chunks(web: Web) -> None:
    line, _ = fill_cart(web)
    order = json.dumps({"itemIds": [line["id"]], "contact": CONTACT}).encode()

    status, envelope = web.ask("POST", "/api/orders", [order[:20], order[20:]])

    assert (status, envelope["data"]["itemCount"]) == (200, 1)


@pytest.mark.parametrize(
    "body",
    [
        "Transfer-Encoding: chunked\n\n",
        "Transfer-Encoding: chunked\n\nzz\n{}\n0\n\n",
        "Transfer-Encoding: gzip, chunked\n\n0\n\n",
        "Transfer-Encoding: gzip\n\n",
        "Content-Length: 60\n\n",
        "Content-Length: 2\nContent-Length: 3\n\n{}",
        "Content-Length: two\n\n{}",
    ],
)
def test_an_order_whose_body_cannot_be_read_buys_nothing(web: Web, body: str) -> None:
    fill_cart(web)

    with web.send(f"POST /api/orders HTTP/1.1\n{HEAD}{body}") as client:
        client.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(client)

    assert answer[:12] in {b"", b"HTTP/1.1 400"}
    assert not Order.objects.exists()


def test_a_body_in_chunks_has_the_same_limit(web: Web) -> None:
    status, envelope = web.ask("POST", "/api/cart", [b" " * 40_000, b" " * 40_000])

    assert (status, envelope["error"]["type"]) == (413, "body_too_large")


def test_a_header_with_underscores_is_not_taken_for_another(web: Web) -> None:
    fill_cart(web)

    status, envelope = exchange(
        web, f"GET /api/cart HTTP/1.1\n{HEAD}X_Guest_ID: guest-of-another\n\n"
    )

    assert (status, envelope["data"]["sessionId"]) == (200, GUEST["X-Guest-ID"])


@pytest.mark.parametrize("forged", ["X_Forwarded_For", "X-Forwarded_For"])
def test_a_forged_address_opens_no_figures(web: Web, forged: str) -> None:
    head = f"{HEAD}X-Forwarded-For: 203.0.113.9\n{forged}: 127.0.0.1\n\n"

    status, _ = exchange(web, f"GET /metrics HTTP/1.1\n{head}")

    assert status == 403


def test_two_guest_ids_are_none(web: Web) -> None:
    status, envelope = exchange(
        web, f"GET /api/cart HTTP/1.1\n{HEAD}X-Guest-ID: guest-of-another\n\n"
    )

    assert (status, envelope["error"]["type"]) == (400, "invalid_guest_id")


def test_static_files_are_served_in_full(web: Web) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    connection.request(
        "GET", "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    )
    response = connection.getresponse()
    content = response.read()
    connection.close()

    assert response.status == 200
    assert len(content) == int(response.headers["Content-Length"]) > 256 * 1024
