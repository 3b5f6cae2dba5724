"""The Lua scripts: the server takes each as it is sent, with what stands in front of it."""

from pathlib import Path

import pytest
from redis import Redis

from carts.live import connection
from carts.live.connection import load_script

FOLDER = Path(connection.__file__).with_name("lua")
SHARED = {"clock", "opening", "prelude"}
VERBS = sorted({path.stem for path in FOLDER.glob("*.lua")} - SHARED)


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_compiles_and_has_the_digest_by_which_it_is_called(
    verb: str, redis_server: Redis
) -> None:
    script = load_script(verb)

    digest = redis_server.script_load(script.text.decode())

    assert digest == script.digest


def test_the_servers_line_comes_first_and_shared_texts_before_the_scripts_own() -> None:
    text = load_script("clear").text.decode()

    places = [
        text.index("#!lua flags=allow-oom"),
        text.index("local function next_version"),
        text.index("local function open_cart"),
        text.index("-- Remove every line."),
    ]
    assert places[0] == 0
    assert places == sorted(places)


def test_a_script_that_stands_alone_has_nothing_in_front() -> None:
    assert load_script("retire").text == (FOLDER / "retire.lua").read_bytes()
