"""What the gateway lets through to the application, and what it answers by itself."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from config.serving import threads
from config.serving.gateway import Gateway
from tests.config.project import PATIENCE_SECONDS
from tests.config.serving.gateways import CHUNKED, JSON, POST, Client, Reply, Shop, SlowClient, ask

LOGIN: dict[str, Any] = {"method": "POST", "raw_path": b"/api/auth/login"}
ORDER: dict[str, Any] = {"method": "POST", "raw_path": b"/api/orders"}


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def gateway(shop: Shop) -> Gateway:
    return Gateway(shop)


def describe(reply: Reply) -> tuple[int, str]:
    envelope = json.loads(reply.body)
    assert envelope["code"] == reply.status
    return reply.status, envelope["error"]["type"]


def test_an_answer_is_passed_on(gateway: Gateway) -> None:
    reply = asyncio.run(ask(gateway))

    assert (reply.status, reply.body) == (200, b"done")
    assert reply.headers[b"content-type"] == b"text/plain"


def test_a_request_reaches_the_application_as_it_was_sent(gateway: Gateway, shop: Shop) -> None:
    request: dict[str, Any] = {
        "raw_path": b"/api/products/%E6%B8%A9%2F",
        "query_string": b"page=2&x=%FF",
    }

    asyncio.run(ask(gateway, (b"x-guest-id", b"guest-12345"), (b"cookie", b"a=\xe6"), **request))

    asked = shop.asked[0]
    assert asked["PATH_INFO"] == "/api/products/温/".encode().decode("latin-1")
    assert (asked["QUERY_STRING"], asked["REQUEST_METHOD"]) == ("page=2&x=%FF", "GET")
    assert (asked["HTTP_X_GUEST_ID"], asked["HTTP_COOKIE"]) == ("guest-12345", "a=\xe6")
    assert (asked["REMOTE_ADDR"], asked["CONTENT_LENGTH"]) == ("203.0.113.9", "0")


@pytest.mark.parametrize("how", [CHUNKED, (b"content-length", b"9")])
def test_a_body_counts_however_it_comes(
    gateway: Gateway, shop: Shop, how: tuple[bytes, bytes]
) -> None:
    asyncio.run(ask(gateway, JSON, how, client=Client(b'{"a"', b": 12}"), **POST))

    asked = shop.asked[0]
    assert (asked["body"], asked["CONTENT_LENGTH"]) == (b'{"a": 12}', "9")
    assert "HTTP_TRANSFER_ENCODING" not in asked


def test_a_body_of_http_2_counts_without_any_header(gateway: Gateway, shop: Shop) -> None:
    asyncio.run(ask(gateway, client=Client(b"{}"), http_version="2", **POST))

    assert shop.asked[0]["body"] == b"{}"


def test_of_a_body_over_the_limit_just_enough_is_kept(
    gateway: Gateway, shop: Shop, settings: Settings
) -> None:
    settings.MAX_BODY_BYTES = 10

    asyncio.run(ask(gateway, CHUNKED, client=Client(*[b"123456789"] * 9), **POST))

    assert shop.asked[0]["body"] == b"12345678912"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([CHUNKED], Client(None)),
        ([CHUNKED], Client(b"{}", None)),
        ([(b"content-length", b"20")], Client(None)),
        ([(b"transfer-encoding", b"gzip, chunked")], Client()),
        ([(b"transfer-encoding", b"gzip"), CHUNKED], Client()),
    ],
)
def test_a_body_that_cannot_be_read_in_full_is_not_taken_for_another(
    gateway: Gateway, shop: Shop, headers: list[tuple[bytes, bytes]], client: Client
) -> None:
    reply = asyncio.run(ask(gateway, *headers, client=client, **POST))

    assert describe(reply) == (400, "bad_request")
    assert shop.asked == []


def test_a_body_that_does_not_come_in_time_is_given_up(
    gateway: Gateway, shop: Shop, settings: Settings
) -> None:
    settings.WEB_CLIENT_SECONDS = 0.05

    reply = asyncio.run(ask(gateway, (b"content-length", b"900"), client=SlowClient(), **POST))

    assert describe(reply) == (408, "request_timeout")
    assert shop.asked == []


def test_headers_with_underscores_are_left_out(gateway: Gateway, shop: Shop) -> None:
    asyncio.run(
        ask(
            gateway,
            (b"x-guest-id", b"guest-12345"),
            (b"x_guest_id", b"guest-99999"),
            (b"x_forwarded_for", b"127.0.0.1"),
            (b"content_length", b"7"),
        )
    )

    asked = shop.asked[0]
    assert asked["HTTP_X_GUEST_ID"] == "guest-12345"
    assert "HTTP_X_FORWARDED_FOR" not in asked
    assert asked["CONTENT_LENGTH"] == "0"


def test_values_of_a_repeated_header_are_joined(gateway: Gateway, shop: Shop) -> None:
    headers = [(b"x-guest-id", b"guest-12345"), (b"x-guest-id", b"guest-99999")]
    cookies = [(b"cookie", b"a=1"), (b"cookie", b"b=2")]

    asyncio.run(ask(gateway, *headers, *cookies))

    asked = shop.asked[0]
    assert asked["HTTP_X_GUEST_ID"] == "guest-12345,guest-99999"
    assert asked["HTTP_COOKIE"] == "a=1; b=2"


class Gate:
    """Work that many threads begin, and that ends when the gate is opened."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self.inside = self.most_inside = 0

    def pass_through(self) -> None:
        with self._lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        assert self._opened.wait(30)
        with self._lock:
            self.inside -= 1

    def open(self) -> None:
        self._opened.set()


@pytest.mark.parametrize(("number", "half"), [(1, 1), (2, 1), (3, 1), (4, 2)])
@pytest.mark.parametrize("request_line", [LOGIN, ORDER])
def test_slow_requests_take_half_of_the_threads_at_most(
    gateway: Gateway,
    shop: Shop,
    settings: Settings,
    number: int,
    half: int,
    request_line: dict[str, Any],
) -> None:
    settings.WEB_THREADS = number
    gate = Gate()

    async def ask_all() -> list[Reply]:
        shop.work = gate.pass_through
        crowd = [asyncio.create_task(ask(gateway, **request_line)) for _ in range(number * 3)]
        await _until(lambda: gate.inside == half)
        if number > 1:
            shop.work = lambda: None
            assert (await ask(gateway)).status == 200
            shop.work = gate.pass_through
        gate.open()
        return await asyncio.gather(*crowd)

    replies = asyncio.run(ask_all())

    assert [reply.status for reply in replies] == [200] * number * 3
    assert gate.most_inside == half


@pytest.mark.parametrize(
    ("method", "path", "slow"),
    [
        ("POST", "/api/auth/login", True),
        ("POST", "/api/auth/register", True),
        ("POST", "/admin/login/", True),
        ("POST", "/admin/accounts/user/ab12/password/", True),
        ("POST", "/api/orders", True),
        ("POST", "/api/orders/ab12/cancel", True),
        ("POST", "/api/orders/webhooks/payment", True),
        ("POST", "/api/cart/merge", True),
        ("GET", "/admin/login/", False),
        ("GET", "/api/orders", False),
        ("POST", "/api/auth/refresh", False),
        ("POST", "/api/cart", False),
    ],
)
def test_slow_requests_are_known_by_their_paths(method: str, path: str, slow: bool) -> None:
    assert threads.is_slow(method=method, path=path) is slow


@pytest.mark.parametrize("request_line", [{}, LOGIN])
def test_more_requests_than_can_wait_are_refused_at_once(
    gateway: Gateway,
    shop: Shop,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request_line: dict[str, Any],
) -> None:
    settings.WEB_THREADS = 1
    monkeypatch.setattr(threads, "MAX_WAITING", 2)
    monkeypatch.setattr(threads, "MAX_SLOW_WAITING", 3)
    gate = Gate()
    shop.work = gate.pass_through

    async def crowd() -> tuple[Reply, list[Reply]]:
        waiting = [asyncio.create_task(ask(gateway, **request_line)) for _ in range(3)]
        await _until(lambda: gate.inside == 1)
        refused = await ask(gateway, **request_line)
        gate.open()
        return refused, await asyncio.gather(*waiting)

    refused, served = asyncio.run(crowd())

    assert describe(refused) == (503, "overloaded")
    assert refused.headers[b"retry-after"] == b"1"
    assert [reply.status for reply in served] == [200] * 3


def test_a_refusal_may_be_read_by_the_storefronts_allowed(
    gateway: Gateway, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    origin = (b"origin", b"https://shop.example")

    reply = asyncio.run(ask(gateway, CHUNKED, origin, client=Client(None), **POST))

    assert reply.headers[b"access-control-allow-origin"] == b"https://shop.example"
    assert b"x-request-id" in reply.headers


def test_a_failure_of_the_application_does_not_end_its_thread(
    gateway: Gateway, shop: Shop, settings: Settings
) -> None:
    settings.WEB_THREADS = 1

    def fail() -> None:
        raise ZeroDivisionError

    async def fail_and_ask() -> Reply:
        shop.work = fail
        with pytest.raises(ZeroDivisionError):
            await ask(gateway)
        shop.work = lambda: None
        return await ask(gateway)

    assert asyncio.run(fail_and_ask()).status == 200


def test_threads_end_when_nobody_can_ask_them_any_more() -> None:
    pool = threads.Threads(2)
    asyncio.run(pool.run(lambda: None))
    started = [each for each in threading.enumerate() if each.name.startswith("web_")]

    del pool

    for each in started[-2:]:
        each.join(30)
    assert not any(each.is_alive() for each in started[-2:])


class File:
    """Content of many chunks, each read by a thread when its turn has come."""

    def __init__(self) -> None:
        self.is_closed = False
        self.readers: set[str] = set()

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(20):
            self.readers.add(threading.current_thread().name.partition("_")[0])
            yield b"x" * 65_536

    def close(self) -> None:
        self.is_closed = True


def test_a_large_answer_is_sent_in_parts(gateway: Gateway, shop: Shop) -> None:
    shop.answer = file = File()

    reply = asyncio.run(ask(gateway))

    assert len(reply.body) == 20 * 65_536
    assert max(map(len, reply.parts)) == 4 * 65_536
    assert (file.is_closed, file.readers) == (True, {"web"})


def test_who_does_not_read_an_answer_holds_no_thread_and_is_given_up(
    gateway: Gateway, shop: Shop, settings: Settings
) -> None:
    settings.WEB_THREADS, settings.WEB_CLIENT_SECONDS = 1, 3
    shop.answer = file = File()

    async def read_not() -> Reply:
        stuck = asyncio.create_task(ask(gateway, client=Client(is_reading=False)))
        await _until(lambda: bool(file.readers))
        shop.answer = [b"done"]
        served = await ask(gateway)
        assert not file.is_closed
        await stuck
        return served

    served = asyncio.run(read_not())

    assert served.body == b"done"
    assert file.is_closed


async def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
