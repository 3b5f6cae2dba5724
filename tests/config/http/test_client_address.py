"""By which address a client is judged."""

import logging

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from config.http import ratelimit
from config.http.ratelimit import client_address, client_network

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, PEER),
        (0, "198.51.100.7", PEER),
        (1, None, PEER),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "10.0.0.1, 198.51.100.7", "198.51.100.7"),
        (2, "10.0.0.1, 198.51.100.7, 192.0.2.9", "198.51.100.7"),
        (2, "198.51.100.7,192.0.2.9", "198.51.100.7"),
        # Not passed by all of the proxies.
        (2, "127.0.0.1", PEER),
        (3, "127.0.0.1, 198.51.100.7", PEER),
        (1, "", PEER),
        # As proxies write addresses.
        (1, "198.51.100.7:41234", "198.51.100.7"),
        (1, "[2001:db8::7]:41234", "2001:db8::7"),
        (1, "[2001:db8::7]", "2001:db8::7"),
        (1, "2001:DB8:0::7", "2001:db8::7"),
        (1, "[fe80::7%eth0]", "fe80::7"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        # No addresses.
        (1, "unknown", PEER),
        (1, "198.51.100.7, _hidden", PEER),
        (1, "198.51.100.7,", PEER),
        (1, "198.51.100.7:port", PEER),
        (1, "198.51.100.777", PEER),
        (1, "[198.51.100.7", PEER),
    ],
)
def test_claims_of_the_client_are_not_believed(
    settings: Settings, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=PEER)

    assert client_address(request) == address


@pytest.mark.parametrize(
    ("peer", "address", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("2001:db8:1:3:aaaa::1", "2001:db8:1:3:aaaa::1", "2001:db8:1:3::/64"),
        # Connected by a socket file.
        ("", "", ""),
        ("run/web:1.sock", "run/web:1.sock", "run/web:1.sock"),
    ],
)
def test_an_ipv6_client_is_counted_with_its_network(
    settings: Settings, peer: str, address: str, network: str
) -> None:
    settings.TRUSTED_PROXIES = 0

    request = RequestFactory().get("/", REMOTE_ADDR=peer)

    assert (client_address(request), client_network(request)) == (address, network)


@pytest.mark.django_db
def test_a_new_address_of_the_same_network_evades_no_limit(settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN_PER_ADDRESS = 2
    body = {"username": "nobody", "password": "wrong"}

    statuses = [
        Client()
        .post("/api/auth/login", body, "application/json", REMOTE_ADDR=f"2001:db8:1:2::{n}")
        .status_code
        for n in range(3)
    ]

    assert statuses == [401, 401, 429]


def test_a_proxy_that_nobody_told_of_is_noticed_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRUSTED_PROXIES = 0
    ratelimit._warn_of_unknown_proxy.cache_clear()
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "198.51.100.7"})

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            client_address(request)

    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "requests come with X-Forwarded-For, but TRUSTED_PROXIES is 0"
    ]
