"""The Lua scripts: loaded once, run by digest, one round trip each."""

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
# With a shebang the server checks memory before the first write, not in the middle. What only
# shrinks a cart, and what saves it, must still be possible then.
_SHRINKING = frozenset(
    {
        "clear", "confirm", "drop_changes", "finish_merge", "forget_vanished",
        "note_saves", "put_away", "read_to_save", "remove_lines", "renew", "retire", "set_aside",
        "take_lines",
    }
)  # fmt: skip
# These have other keys and arguments than the prelude's.
_STANDALONE = frozenset(
    {
        "begin_merge", "confirm", "drop_changes", "forget_vanished", "load_if_absent",
        "note_saves", "put_away", "read_to_save", "renew", "retire", "set_aside",
    }
)  # fmt: skip


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
