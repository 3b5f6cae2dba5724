"""The Lua scripts: loaded once, run by digest, one round trip each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from carts.live import counters
from carts.live.connection import get_client, store_errors
from config.stores.redis import Command, exchange, find_outage

_FOLDER = Path(__file__).parent / "lua"
# The texts that stand in front of a script, as its header names them.
_USES = re.compile(r"^-- USES  (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua text and its SHA-1, by which the server knows it."""

    text: bytes
    digest: str = field(repr=False)


def run_script(verb: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run the script of a verb in one round trip; in two the first time a server sees it.

    Raises CartStoreUnavailable, and ResponseError for an error of the script itself. That means a
    bug, or a key that holds something else, and is counted.
    """
    script = load_script(verb)
    with store_errors():
        try:
            return _call(("EVALSHA", script.digest, len(keys), *keys, *args))
        except NoScriptError:
            return _call(("EVAL", script.text, len(keys), *keys, *args))


@cache
def load_script(verb: str) -> Script:
    """Return the script of a verb, with the texts in front that it uses.

    Its first line, for the server, comes before all of them. With it the server checks memory
    before the first write, and not in the middle. What only shrinks a cart, and what saves it, has
    the flag `allow-oom`, because it must be possible when memory is full.
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
            counters.add("script_errors", 1)
        raise reply
    return reply


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
