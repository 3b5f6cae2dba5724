"""manage.py: the same embedded servers for every command, and only where they are needed."""

import signal
from pathlib import Path

import pytest

from config.development.embedded import open_stores
from tests.config.project import find_processes, finish, run_python, start_python, wait_for_line

PRINT_URLS = "from django.conf import settings as s; print(s.DATABASE_URL, s.REDIS_URL)"


@pytest.mark.parametrize("argument", ["help", "--help", "--version", "version"])
def test_command_that_needs_no_store_starts_none(argument: str, data_dir: Path) -> None:
    ended = run_python("manage.py", argument, DATA_DIR=str(data_dir))

    assert ended.returncode == 0
    assert not data_dir.exists()


def test_command_uses_the_servers_that_run(used_dir: Path) -> None:
    with open_stores(used_dir) as urls:
        ended = run_python("manage.py", "shell", "-v0", "-c", PRINT_URLS, DATA_DIR=str(used_dir))

    assert ended.stdout == f"{urls['DATABASE_URL']} {urls['REDIS_URL']}\n"


def test_command_starts_only_the_server_that_has_no_url(data_dir: Path) -> None:
    url = "postgresql://db.example/cartwright"

    ended = run_python(
        "manage.py", "shell", "-v0", "-c", PRINT_URLS, DATA_DIR=str(data_dir), DATABASE_URL=url
    )

    assert ended.stdout.startswith(f"{url} redis://127.0.0.1:")
    assert not (data_dir / "postgres").exists()


def test_dbshell_reaches_the_embedded_database(used_dir: Path) -> None:
    query = "select current_database()"

    ended = run_python("manage.py", "dbshell", "--", "-Atc", query, DATA_DIR=str(used_dir))

    assert ended.stdout == "cartwright\n"


def test_terminated_command_stops_its_servers(used_dir: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    command = start_python("manage.py", "shell", "-c", code, DATA_DIR=str(used_dir))
    with command:
        wait_for_line(command, "ready")
        finish(command, signal.SIGTERM)

    assert command.returncode == 128 + signal.SIGTERM
    assert find_processes(used_dir) == []


def test_broken_data_folder_is_one_sentence(data_dir: Path) -> None:
    data_dir.touch()

    ended = run_python("manage.py", "check", DATA_DIR=str(data_dir))

    assert ended.returncode == 1
    assert ended.stderr == f"The data folder cannot be used: {data_dir}: File exists.\n"


def test_migrating_without_a_database_is_one_sentence() -> None:
    stores = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}

    ended = run_python("manage.py", "migrate", **stores)

    assert ended.returncode == 1
    assert ended.stderr.startswith("The database cannot be used: connection failed")
    assert ended.stderr.count("\n") == 1
