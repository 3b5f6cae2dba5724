"""The embedded servers: started, shared, stopped, and found again after a crash."""

import os
import signal
import stat
import sys
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from config.development.embedded import EmbeddedStoreError, open_stores
from tests.config.project import start_python, wait_for_line

HOLD_STORES = """
import sys, time
from pathlib import Path
from config.development.embedded import open_stores
with open_stores(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(600)
"""


def read_number(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    assert row
    return int(row[0])


def write_number(url: str, number: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT %s AS number", [number])


def is_answering(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_servers_run_for_their_user_and_stop_with_it(data_dir: Path) -> None:
    with open_stores(data_dir) as urls:
        services = data_dir / "services.env"
        assert services.read_text() == (
            f"DATABASE_URL={urls['DATABASE_URL']}\nREDIS_URL={urls['REDIS_URL']}\n"
        )
        assert stat.S_IMODE(services.stat().st_mode) == 0o600
        with psycopg.connect(urls["DATABASE_URL"]) as connection:
            assert connection.info.dbname == "cartwright"
            assert connection.info.server_version // 10_000 == 18
        with Redis.from_url(urls["REDIS_URL"]) as client:
            assert client.info("server")["valkey_version"].startswith("9.")

    assert not services.exists()
    assert not is_answering(urls["DATABASE_URL"])


def test_valkey_keeps_every_change_and_never_drops_a_key(data_dir: Path) -> None:
    with (
        open_stores(data_dir, variables={"REDIS_URL"}) as urls,
        Redis.from_url(urls["REDIS_URL"]) as client,
    ):
        settings = client.config_get("appendonly", "save", "maxmemory-policy", "databases")

    assert settings == {
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "databases": "64",
    }


def test_data_is_there_after_a_restart(used_dir: Path) -> None:
    with open_stores(used_dir) as urls, Redis.from_url(urls["REDIS_URL"]) as client:
        write_number(urls["DATABASE_URL"], 7)
        client.set("kept", 8)

    with open_stores(used_dir) as urls, Redis.from_url(urls["REDIS_URL"]) as client:
        assert read_number(urls["DATABASE_URL"]) == 7
        assert client.get("kept") == b"8"


def test_second_user_shares_the_servers_and_leaves_them_running(used_dir: Path) -> None:
    with open_stores(used_dir) as first:
        with open_stores(used_dir) as second:
            assert second == first

        assert is_answering(first["DATABASE_URL"])


def test_only_the_wanted_server_is_started(data_dir: Path) -> None:
    with open_stores(data_dir, variables={"REDIS_URL"}) as urls:
        assert urls.keys() == {"REDIS_URL"}
        assert (data_dir / "services.env").read_text() == f"REDIS_URL={urls['REDIS_URL']}\n"

    assert not (data_dir / "postgres").exists()


def test_servers_of_a_killed_user_are_taken_over_and_stopped(used_dir: Path) -> None:
    user = start_python("-c", HOLD_STORES, str(used_dir))
    wait_for_line(user, "ready")
    with user:
        user.kill()

    with open_stores(used_dir) as urls:
        assert is_answering(urls["DATABASE_URL"])

    assert not is_answering(urls["DATABASE_URL"])
    assert not (used_dir / "services.env").exists()


def test_killed_servers_are_started_again_with_their_data(used_dir: Path) -> None:
    with open_stores(used_dir) as urls, Redis.from_url(urls["REDIS_URL"]) as client:
        write_number(urls["DATABASE_URL"], 7)
        client.set("kept", 8)
        postmaster = (used_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        for pid in (int(postmaster), client.info("server")["process_id"]):
            os.kill(pid, signal.SIGKILL)

        with open_stores(used_dir) as again, Redis.from_url(again["REDIS_URL"]) as client_again:
            assert read_number(again["DATABASE_URL"]) == 7
            assert client_again.get("kept") == b"8"


def test_folder_too_deep_for_a_socket_works_and_leaves_no_socket_folder(data_dir: Path) -> None:
    deep = data_dir / ("folder with spaces " * 6).strip()

    with open_stores(deep) as urls:
        with psycopg.connect(urls["DATABASE_URL"]) as connection:
            sockets = Path(connection.info.host)
        assert is_answering(urls["DATABASE_URL"])

    assert sockets != deep / "postgres"
    assert not sockets.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the message is the system's")
def test_data_folder_that_is_a_file_is_named(data_dir: Path) -> None:
    data_dir.touch()

    with pytest.raises(EmbeddedStoreError) as caught, open_stores(data_dir):
        pass

    assert str(caught.value) == f"The data folder cannot be used: {data_dir}: File exists."


def test_foreign_postgres_folder_is_refused_and_stays_as_it_is(data_dir: Path) -> None:
    foreign = data_dir / "postgres" / "letter.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")

    with pytest.raises(EmbeddedStoreError, match="^PostgreSQL does not start in .*postgres: "):
        open_stores(data_dir).__enter__()

    assert [path.name for path in foreign.parent.iterdir()] == ["letter.txt"]


def test_broken_valkey_data_is_refused_and_stops_the_other_server(used_dir: Path) -> None:
    (base,) = (used_dir / "valkey" / "appendonlydir").glob("*.base.rdb")
    kept = base.read_bytes()
    base.write_text("garbage")

    with pytest.raises(EmbeddedStoreError, match="^Valkey does not start in .*: Bad file format"):
        open_stores(used_dir).__enter__()

    base.write_bytes(kept)
    assert not (used_dir / "postgres" / "postmaster.pid").exists()
