"""The Lua scripts: loaded once, run by digest, one round trip each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from carts.live.connection import Command, exchange, take_value

_FOLDER = Path(__file__).parent / "lua"
# With a shebang the server checks memory before the first write, not in the middle. What only
# shrinks a cart must still be possible then.
_SHRINKING = frozenset({"clear", "finish_merge", "remove_lines"})
# These have other keys and arguments than the prelude's.
_STANDALONE = frozenset({"begin_merge", "finish_merge", "load_if_absent"})


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua text and its SHA-1, by which the server knows it."""

    text: bytes
    digest: str = field(repr=False)

    def run(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it in one round trip; in two the first time a server sees it."""
        try:
            return _call(client, ("EVALSHA", self.digest, len(keys), *keys, *args))
        except NoScriptError:
            return _call(client, ("EVAL", self.text, len(keys), *keys, *args))


@cache
def load_script(verb: str) -> Script:
    """Return the script of a verb, with the shared prelude where it uses it."""
    flags = "#!lua flags=allow-oom\n" if verb in _SHRINKING else "#!lua\n"
    prelude = "" if verb in _STANDALONE else _read("prelude")
    text = (flags + prelude + _read(verb)).encode()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest())


def _call(client: Any, command: Command) -> Any:
    [reply] = exchange(client, [command])
    return take_value(reply)


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
