"""PgBouncer before the test's PostgreSQL, lending its connections by the transaction."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from config.development.store_servers import POSTGRES_ACCOUNT
from tests.faults.servers import wait_until

# Few enough for clients to take turns with every connection.
_CONNECTIONS = 4
_CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
server_round_robin = 1
max_client_conn = 200
"""


def find_pgbouncer() -> str | None:
    """Return the program, None where it is not installed; Debian keeps it from users' paths."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


@contextmanager
def run_pgbouncer() -> Iterator[str]:
    """Yield the address of a PgBouncer, as `postgresql://user@host:port`, until it is stopped."""
    parts = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    server = " ".join(f"{name}='{parts[key]}'" for name, key in names.items() if parts[key])
    port = _find_free_port()
    with tempfile.TemporaryDirectory(prefix="cartwright-test-") as folder:
        file = Path(folder, "pgbouncer.ini")
        settings = {"server": server, "port": port, "connections": _CONNECTIONS}
        file.write_text(_CONFIGURATION.format(**settings), encoding="utf-8")
        process = subprocess.Popen(_build_command(file), stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: _is_listening(port))
            yield f"postgresql://{parts['USER']}@127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _build_command(file: Path) -> list[str]:
    program = find_pgbouncer()
    assert program is not None
    if os.geteuid() != 0:
        return [program, str(file)]
    # It refuses to be root's, and only this account may enter the server's folder.
    file.parent.chmod(0o755)
    file.chmod(0o644)
    return [program, "-u", POSTGRES_ACCOUNT, str(file)]


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
