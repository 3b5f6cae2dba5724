"""The connections to Redis that threads keep."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django_redis import get_redis_connection
from redis import Redis


@pytest.fixture
def ask() -> Callable[[], int]:
    """A question to Redis: the id of the connection it came by."""
    client: Any = get_redis_connection("carts")
    return lambda: int(client.client_id())


def test_a_thread_keeps_its_connection(ask: Callable[[], int]) -> None:
    assert ask() == ask()


def test_another_thread_has_another_connection(ask: Callable[[], int]) -> None:
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ask).result() != ask()


def test_a_connection_the_server_closed_is_made_anew(
    ask: Callable[[], int], redis_server: Redis
) -> None:
    closed = ask()
    redis_server.client_kill_filter(_id=str(closed))

    assert ask() > closed
