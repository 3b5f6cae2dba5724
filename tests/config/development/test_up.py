"""manage.py up: everything starts, and nothing stays behind."""

import json
import os
import shutil
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.config.project import (
    find_processes,
    finish,
    make_data_dir,
    run_python,
    start_python,
    wait_for_line,
)
from tests.faults.servers import wait_until

SERVER = "-m config.server"
BEAT = "--app config --quiet beat"


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def find_child(data_dir: Path, words: str) -> int:
    for pid in find_processes(data_dir):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        if words in command:
            return pid
    raise AssertionError(f"nothing runs {words!r}")


def is_running(data_dir: Path, words: str) -> bool:
    with suppress(AssertionError):
        return bool(find_child(data_dir, words))
    return False


@pytest.fixture(scope="module")
def seeded_dir() -> Iterator[Path]:
    """Yield a data folder in which the shop has been up once, and was stopped."""
    with make_data_dir() as folder:
        shop = start_python("manage.py", "up", DATA_DIR=str(folder), PORT=str(find_free_port()))
        with shop:
            wait_for_line(
                shop, "Log in    demo, alice, bob, or admin as staff; password cartwright-demo"
            )
            finish(shop, signal.SIGINT)
        assert shop.returncode == 0
        yield folder


def test_taken_port_is_one_sentence(used_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_python("manage.py", "up", DATA_DIR=str(used_dir), PORT=str(port))

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"CommandError: Port {port} is taken")
    assert ended.stderr.count("\n") == 1
    assert find_processes(used_dir) == []


def test_second_start_serves_and_works_and_stops_on_sigterm(seeded_dir: Path) -> None:
    port = find_free_port()
    shop = start_python("manage.py", "up", DATA_DIR=str(seeded_dir), PORT=str(port))
    with shop:
        said = wait_for_line(shop, "Log in")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            ready = json.load(answer)["data"]["status"]
        finish(shop, signal.SIGTERM)

    assert ready == "ready"
    # Jobs are sent only once a worker takes them.
    assert any("worker |" in line and " ready." in line for line in said)
    assert shop.returncode == 0
    assert find_processes(seeded_dir) == []
    assert not (seeded_dir / "services.env").exists()


def test_a_program_that_ends_starts_again_and_the_others_go_on(seeded_dir: Path) -> None:
    port = str(find_free_port())
    shop = start_python("manage.py", "up", DATA_DIR=str(seeded_dir), PORT=port)
    with shop:
        wait_for_line(shop, "Log in")
        web, beat = find_child(seeded_dir, SERVER), find_child(seeded_dir, BEAT)
        os.kill(beat, signal.SIGKILL)
        wait_for_line(shop, "beat   | Ended with exit code -9; starts again in 1 s.")
        wait_until(lambda: is_running(seeded_dir, BEAT))
        assert find_child(seeded_dir, SERVER) == web
        finish(shop, signal.SIGTERM)

    assert shop.returncode == 0
    assert find_processes(seeded_dir) == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs Linux's setpriv")
def test_killed_shop_takes_its_programs_along(seeded_dir: Path) -> None:
    port = str(find_free_port())
    shop = start_python("manage.py", "up", DATA_DIR=str(seeded_dir), PORT=port)
    with shop:
        wait_for_line(shop, "Log in")
        finish(shop, signal.SIGKILL)

    # Only the stores are left; the next command takes them over, and stops them.
    assert run_python("manage.py", "check", DATA_DIR=str(seeded_dir)).returncode == 0
    wait_until(lambda: find_processes(seeded_dir) == [])
