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
from carts.live.connection import Command, exchange, is_temporary, take_value

_FOLDER = Path(__file__).parent / "lua"
# The texts that stand in front of a script, as its header names them.
_USES = re.compile(r"^-- USES  (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua text and its SHA-1, by which the server knows it."""

    text: bytes
    digest: str = field(repr=False)

    def run(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it in one round trip; in two the first time a server sees it.

        An error of the script itself, which means a bug, is counted.
        """
        try:
            return self._run(client, keys, args)
        except ResponseError as error:
            if not is_temporary(error):
                counters.add("script_errors", 1)
            raise

    def _run(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        try:
            return _call(client, ("EVALSHA", self.digest, len(keys), *keys, *args))
        except NoScriptError:
            return _call(client, ("EVAL", self.text, len(keys), *keys, *args))


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


def _call(client: Any, command: Command) -> Any:
    [reply] = exchange(client, [command])
    return take_value(reply)


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
