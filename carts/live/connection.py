"""The carts' Redis: the way in, and what it means when it does not answer."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django_redis import get_redis_connection
from prometheus_client import Counter
from redis.exceptions import RedisError, ResponseError

from carts.domain.errors import CartStoreUnavailable
from config.stores.redis import Command, exchange, find_outage, forget_arguments

logger = logging.getLogger(__name__)

_UNAVAILABLE = Counter(
    "cart_store_unavailable", "Calls that the live store could not answer.", ["reason"]
)


def get_client() -> Any:
    """Return the client of the carts' Redis."""
    return get_redis_connection("carts")


def ask(commands: Sequence[Command]) -> list[Any]:
    """Send commands to the store in one round trip; return each one's reply, in order.

    Among the replies may be a ResponseError, for a key that holds something else than the command
    is for. Raises CartStoreUnavailable.
    """
    with store_errors():
        replies = exchange(get_client(), commands)
        for reply in replies:
            if isinstance(reply, ResponseError) and find_outage(reply):
                raise reply
    return replies


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise CartStoreUnavailable for whatever keeps the store from answering in time.

    No error leaves here with a command's arguments in its text: a guest id may be among them.
    """
    try:
        yield
    except RedisError as error:
        forget_arguments(error)
        outage = find_outage(error)
        if outage is None:
            raise
        _UNAVAILABLE.labels(outage).inc()
        logger.warning("cart store unavailable: %s", outage)
        raise CartStoreUnavailable from error
