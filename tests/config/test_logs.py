"""Log lines: one for each request, named by it, and readable by machines."""

import json
import logging
import re
import signal
import socket
import sys
import time
import urllib.request
from typing import Any

import pytest
from celery import current_app
from django.test import Client

from config.http.recording import begin_task
from config.logs import JSONFormatter
from tests.carts.shopper import Shopper, item_id, new_guest, new_user
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


def request_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "requests"]


def write(record: logging.LogRecord) -> Any:
    """Return the line as a program reads it."""
    return json.loads(JSONFormatter().format(record))


@pytest.mark.parametrize(("shopper", "owner"), [(new_guest, "guest"), (new_user, "user")])
def test_a_request_leaves_one_line(
    shopper: Any, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    someone: Shopper = shopper()

    someone.data("GET", "/cart", X_Request_ID="from-the-shop")

    (record,) = request_lines(caplog)
    ms = vars(record)["ms"]
    assert record.getMessage() == f"GET cart 200 in {ms:.1f} ms for {owner}"
    line = write(record)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "requests",
        "requestId": "from-the-shop",
        "message": record.getMessage(),
        "method": "GET",
        "route": "cart",
        "status": 200,
        "ms": ms,
        "owner": owner,
    }
    assert 0 < ms < 10_000


def test_a_line_names_the_route_and_nothing_from_the_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guest = new_guest()
    cart = guest.add(sku := SkuFactory.create())

    guest.data("DELETE", f"/cart/item/{item_id(cart, sku)}?because=private")

    written = " ".join(JSONFormatter().format(record) for record in caplog.records)
    assert "DELETE cart-item 200" in written
    assert "private" not in written
    assert cart["id"] not in written
    assert guest.owner_id not in written


def test_what_nobody_serves_is_logged_without_its_path(caplog: pytest.LogCaptureFixture) -> None:
    Client().get("/api/some/where")

    (record,) = request_lines(caplog)
    assert record.getMessage().startswith("GET unmatched 404 in ")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_machines_ask_all_the_time_is_not_logged(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    Client().get(path)

    assert request_lines(caplog) == []


def test_lines_of_requests_can_be_turned_off() -> None:
    script = "import django, logging; django.setup(); print(logging.getLogger('requests').level)"
    variables = {
        "DATABASE_URL": "postgresql:///x",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    off = run_python("-c", script, LOG_REQUESTS="false", **variables)

    assert (logging.getLogger("requests").level, off.stdout) == (logging.INFO, "30\n")


def test_every_line_of_a_web_server_can_be_read_by_machines(transactional_db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    server = start_python("-m", "config.server", PORT=port, LOG_FORMAT="json", **name_stores())
    with server:
        try:
            for _ in range(2):
                wait_for_line(server, "Started worker")
            _wait_for_port(int(port))
            url = f"http://127.0.0.1:{port}/api/products"
            urllib.request.urlopen(url, timeout=PATIENCE_SECONDS).close()
        finally:
            lines = finish(server, signal.SIGTERM).splitlines()

    written = [json.loads(line) for line in lines]
    assert {line["logger"] for line in written} >= {"requests", "_granian"}
    assert [line["status"] for line in written if line["logger"] == "requests"] == [200]


def _wait_for_port(port: int) -> None:
    """Wait until something listens: a worker says that it has started a little before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def test_an_exception_is_in_its_line() -> None:
    try:
        raise ZeroDivisionError("by what?")
    except ZeroDivisionError:
        record = logging.LogRecord(
            "shop", logging.ERROR, __file__, 1, "bad %s", ("luck",), sys.exc_info()
        )

    line = write(record)

    assert (line["level"], line["message"]) == ("ERROR", "bad luck")
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("ZeroDivisionError: by what?")


def test_whatever_extra_holds_can_be_written() -> None:
    record = logging.makeLogRecord({"msg": "odd", "owner": {1, 2}, "when": None, "名": "值\n"})

    line = write(record)

    assert (line["owner"], line["when"], line["名"]) == ("{1, 2}", None, "值\n")
    assert "\n" not in JSONFormatter().format(record)


def test_the_lines_of_a_task_carry_its_id(caplog: pytest.LogCaptureFixture) -> None:
    @current_app.task(name="tests.say")
    def say() -> None:
        logging.getLogger("shop").warning("said")

    begin_task("-")

    say.apply(task_id="a-task")

    (record,) = caplog.records
    assert write(record)["requestId"] == "a-task"
