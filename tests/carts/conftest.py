"""Shoppers: clients that speak to the API as a storefront does. And what their calls cost."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from redis.connection import AbstractConnection

from tests.carts.shopper import Shopper, new_guest, new_user


@pytest.fixture
def guest(db: None) -> Shopper:
    """A guest without a cart."""
    return new_guest()


@pytest.fixture
def user(db: None) -> Shopper:
    """A logged-in user without a cart."""
    return new_user()


@pytest.fixture
def another_guest(db: None) -> Callable[[], Shopper]:
    """A maker of further guests."""
    return new_guest


@pytest.fixture(params=[new_guest, new_user], ids=["guest", "user"])
def shopper(db: None, request: pytest.FixtureRequest) -> Shopper:
    """A guest, and in a second test a user; both without a cart."""
    made: Shopper = request.param()
    return made


@dataclass
class RoundTrips:
    """How often a connection to Redis was written to, and so waited for."""

    count: int = 0


@pytest.fixture
def redis_round_trips(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], AbstractContextManager[RoundTrips]]:
    """A counter of round trips to Redis by whatever client, told by the sockets' writes.

    A pipeline is one, whatever it holds; a new connection's greeting, a script the server has to
    be sent first, and a health check count like everything else.
    """
    counters: list[RoundTrips] = []
    send: Any = AbstractConnection.send_packed_command

    def count_and_send(connection: AbstractConnection, *args: Any, **options: Any) -> None:
        for counter in counters:
            counter.count += 1
        send(connection, *args, **options)

    @contextmanager
    def count() -> Iterator[RoundTrips]:
        counter = RoundTrips()
        counters.append(counter)
        yield counter
        counters.remove(counter)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", count_and_send)
    return count
