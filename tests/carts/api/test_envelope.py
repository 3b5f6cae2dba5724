"""The conventions every answer under /api keeps: API.md's Conventions."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.views import APIView

from config.notation import MAX_CENTS, render_money
from config.wsgi import application
from tests.carts.shopper import Shopper, addition_of, read_refusal, summary_of
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

FAILURES: dict[str, type[Exception]] = {
    "bug": ZeroDivisionError,
    "forbidden": PermissionDenied,
    "suspicious": SuspiciousOperation,
    "database": OperationalError,
    "interface": InterfaceError,
}


def fail_plainly(request: HttpRequest, kind: str) -> HttpResponse:
    raise FAILURES[kind]("secret detail")


class FailingView(APIView):
    """Fails as it is told."""

    def get(self, request: Request, kind: str) -> HttpResponse:
        raise FAILURES[kind]("secret detail")


# The real routes, and two that fail.
urlpatterns = [
    path("", include("config.urls")),
    path("api/fail/<str:kind>", FailingView.as_view()),
    path("api/fail-plainly/<str:kind>", fail_plainly),
]


def test_a_success_is_an_envelope(guest: Shopper) -> None:
    before = datetime.now(UTC)

    response = guest.call("GET", "/cart")

    envelope = json.loads(response.content)
    assert envelope.keys() == {"code", "message", "data", "success", "timestamp"}
    assert (envelope["code"], envelope["success"], envelope["message"]) == (200, True, "Success")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["timestamp"])
    moment = datetime.fromisoformat(envelope["timestamp"])
    assert before - timedelta(seconds=1) < moment < datetime.now(UTC) + timedelta(seconds=1)
    assert response["Content-Type"] == "application/json"


def test_every_amount_up_to_the_greatest_is_a_number_of_its_own() -> None:
    # The last and the first cents that a power of two lies between, where doubles grow coarser.
    for power in range(7, 47):
        for cents in range(2**power * 100 - 300, min(2**power * 100 + 300, MAX_CENTS) + 1):
            text = json.dumps(render_money(cents))
            assert Decimal(text) * 100 == cents


def test_a_failure_is_an_envelope_with_a_slug(guest: Shopper) -> None:
    response = guest.call("POST", "/cart", {})

    envelope = json.loads(response.content)
    assert envelope.keys() == {"code", "message", "data", "success", "timestamp", "error"}
    assert (envelope["code"], envelope["success"], envelope["data"]) == (400, False, None)
    assert envelope["error"] == {"type": "product_id_required"}
    assert response["Content-Type"] == "application/json"


def test_a_post_that_creates_answers_200(guest: Shopper) -> None:
    response = guest.call("POST", "/cart", addition_of(SkuFactory.create()))

    assert response.status_code == json.loads(response.content)["code"] == 200


def test_text_is_utf_8_both_ways(guest: Shopper) -> None:
    response = guest.send("POST", "/cart", '{"productId": "温湿度", "quantity": 1}'.encode())

    assert "Failed to add item to cart: 温湿度" in response.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "", "nonsense"])
def test_the_answer_is_json_whatever_is_accepted(guest: Shopper, accept: str) -> None:
    response = guest.call("GET", "/cart", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "address",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/cart/",
        "/api/cart/item",
        "/api/cart/item/",
        "/api/cart/item/a/b",
        "/api/carts",
        "/api/CART",
        "/api/%00",
        "/api/%ff%fe",
        "/api/<script>",
        "/api/schema/",
    ],
)
def test_an_unknown_address_is_an_enveloped_404(address: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = Client().get(address)

    assert summary_of(read_refusal(response)) == (404, "not_found", "Not found")
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "/cart", "GET, POST, HEAD, OPTIONS"),
        ("DELETE", "/cart", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/cart/item/x", "PUT, DELETE, OPTIONS"),
        ("POST", "/cart/clear", "DELETE, OPTIONS"),
        ("PATCH", "/cart/batch", "POST, PUT, DELETE, OPTIONS"),
        ("TRACE", "/cart/merge", "POST, OPTIONS"),
        ("FROBNICATE", "/cart/summary", "GET, HEAD, OPTIONS"),
        ("POST", "/schema", "GET, HEAD"),
    ],
)
def test_a_method_a_route_does_not_know_is_an_enveloped_405(
    guest: Shopper, method: str, address: str, allowed: str
) -> None:
    response = guest.call(method, address)

    envelope = read_refusal(response)
    assert (envelope["code"], envelope["error"]["type"]) == (405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == set(allowed.split(", "))


@pytest.mark.parametrize("debug", [False, True])
@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_a_host_that_is_not_served_is_an_enveloped_400(debug: bool) -> None:
    with override_settings(DEBUG=debug):
        response = Client().get("/api/cart", headers={"Host": "evil.example"})

    assert summary_of(read_refusal(response)) == (400, "invalid_host", "Invalid host")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("view", ["fail", "fail-plainly"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bug", (500, "internal_error", "Internal server error")),
        ("forbidden", (403, "permission_denied", "Permission denied")),
        ("suspicious", (400, "bad_request", "Bad request")),
        ("database", (503, "database_unavailable", "Service is temporarily unavailable")),
        ("interface", (503, "database_unavailable", "Service is temporarily unavailable")),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_whatever_a_view_raises_is_an_envelope_without_its_details(
    view: str, kind: str, expected: tuple[int, str, str], debug: bool
) -> None:
    with override_settings(DEBUG=debug):
        response = Client(raise_request_exception=False).get(f"/api/{view}/{kind}")

    assert summary_of(read_refusal(response)) == expected
    assert b"secret" not in response.content
    assert response.get("Retry-After") == ("1" if expected[0] == 503 else None)


@override_settings(ROOT_URLCONF=__name__)
def test_a_bug_is_logged_with_its_traceback_and_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Client(raise_request_exception=False).get("/api/fail/bug")

    [record] = [record for record in caplog.records if record.exc_info]
    assert record.levelname == "ERROR"
    assert "/api/fail/bug" in record.getMessage()


def test_too_many_query_parameters_are_an_enveloped_400() -> None:
    query = "&".join(f"a{number}=1" for number in range(1_100))

    response = Client().get(f"/api/products?{query}")

    assert read_refusal(response)["code"] == 400


def call_wsgi(**environ: Any) -> tuple[str, bytes]:
    """Call the application as the web server does, beneath Django's test client."""
    statuses: list[str] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    request: Any = RequestFactory().get("/api/products").environ | environ
    with closing(application(request, start)) as response:
        return statuses[0], b"".join(response)


# The application looks at its connection before each request, and would close one in a transaction.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset*=bogus''x",
        "application/json; charset=rot13",
        "application/json; a*0*=x''a; a*1*=q",
        "; ; =",
        "x" * 10_000,
    ],
)
def test_a_content_type_that_cannot_be_read_is_no_crash(content_type: str) -> None:
    status, body = call_wsgi(CONTENT_TYPE=content_type, QUERY_STRING="search=%E6%B8%A9")

    assert status == "200 OK"
    assert json.loads(body)["data"]["items"] == []


@pytest.mark.parametrize("sent", ["", "an id", "x" * 65, "a\r\nb", "é"])
def test_every_answer_names_the_request(guest: Shopper, sent: str) -> None:
    named = guest.call("GET", "/cart", X_Request_ID="trace-1.a_B")
    unnamed = guest.call("GET", "/nothing", X_Request_ID=sent)

    assert named["X-Request-ID"] == "trace-1.a_B"
    assert re.fullmatch("[0-9a-f]{16}", unnamed["X-Request-ID"])
