"""The product's own Lua scripts, run with one of their checks removed."""

from hashlib import sha1

import pytest

from carts.live import connection
from carts.live.connection import Script, load_script


def change_scripts(
    monkeypatch: pytest.MonkeyPatch, verb: str, check: bytes, instead: bytes
) -> None:
    """Have scripts run with `instead` in the place of `check`, which the verb's has to hold."""
    assert check in load_script(verb).text

    def load(verb: str) -> Script:
        text = load_script(verb).text.replace(check, instead)
        return Script(text, sha1(text, usedforsecurity=False).hexdigest())

    monkeypatch.setattr(connection, "load_script", load)
