"""The carts' Redis: the client, the scripts it runs, and the errors when it does not answer.

A script is loaded once, run by its digest, and takes one round trip.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

from django_redis import get_redis_connection
from prometheus_client import Counter
from redis.exceptions import NoScriptError, RedisError, ResponseError

from carts.domain.errors import CartStoreUnavailable
from carts.live.keys import figures_key
from config.stores.redis import Command, exchange, find_outage, forget_arguments

logger = logging.getLogger(__name__)

_UNAVAILABLE = Counter(
    "cart_store_unavailable", "Calls that the live store could not answer.", ["reason"]
)
_FOLDER = Path(__file__).parent / "lua"
# The texts that stand in front of a script, as its header names them.
_USES = re.compile(r"^-- USES  (.+)$", re.MULTILINE)


def get_client() -> Any:
    """Return the client of the carts' Redis."""
    return get_redis_connection("carts")


def ask(commands: Sequence[Command]) -> list[Any]:
    """Send commands to the store in one round trip; return each one's reply, in order.

    A reply may be a ResponseError: its key holds another type than the command needs. Raises
    CartStoreUnavailable.
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


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua text and its SHA-1, by which the server knows it."""

    text: bytes
    digest: str = field(repr=False)


def run_script(verb: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run the script of a verb in one round trip; in two the first time a server sees it.

    Raises CartStoreUnavailable, and ResponseError for an error of the script itself. Such an error
    means a bug, or a key of another type; it is counted.
    """
    script = load_script(verb)
    with store_errors():
        try:
            return _call(("EVALSHA", script.digest, len(keys), *keys, *args))
        except NoScriptError:
            return _call(("EVAL", script.text, len(keys), *keys, *args))


@cache
def load_script(verb: str) -> Script:
    """Return the script of a verb, after the texts that it uses.

    The script's own first line comes before them all. It makes the server check memory before the
    first write, and not in the middle. A script that only shrinks a cart, or saves it, has the flag
    `allow-oom`, because it must also run when memory is full.
    """
    shebang, _, own = _read(verb).partition("\n")
    uses = _USES.search(own)
    shared = map(_read, uses[1].split(", ")) if uses else ()
    text = "\n".join([shebang, *shared, own]).encode()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest())


def _call(command: Command) -> Any:
    [reply] = exchange(get_client(), [command])
    if isinstance(reply, ResponseError):
        if not isinstance(reply, NoScriptError) and find_outage(reply) is None:
            with suppress(RedisError):
                get_client().hincrby(figures_key(), "script_errors", 1)
        raise reply
    return reply


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
