"""Real PostgreSQL and Valkey servers for development and tests, run from their wheels.

They live in a data folder and outlive the process that starts them: every process using them
holds `users.lock`, and the last one to leave stops them. A data folder holds

- `postgres/`, `valkey/`: the servers' data; `postgres.log`, `valkey.log`: their last run's words
- `postgres.lock`, `valkey.lock`: locked by the server itself while it lives; its URL is inside
- `users.lock`: locked (shared) by each user; `start.lock`: by whoever starts or stops servers
- `services.env`: `DATABASE_URL=` and `REDIS_URL=` while they run

All locks are flocks: the kernel drops them with the last process that holds them, however it ends.
So nothing stale after a kill -9 or a power cut looks like a living server.
"""

import fcntl
import os
import signal
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.development.store_servers import EmbeddedStoreError, Postgres, Server, Valkey, is_locked

__all__ = ["EmbeddedStoreError", "find_data_dir", "open_stores"]


@contextmanager
def open_stores(
    data_dir: Path,
    *,
    variables: Collection[str] = ("DATABASE_URL", "REDIS_URL"),
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[dict[str, str]]:
    """Keep the servers behind `variables` running, and yield the URL of each.

    Servers already running in the folder are reused as they are; `postgres_settings` are for a
    PostgreSQL started here. The last process to leave the folder stops all of its servers.
    Raises EmbeddedStoreError; then nothing started here is left behind.
    """
    servers: list[Server] = [Postgres(data_dir, postgres_settings or {}), Valkey(data_dir)]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        users_lock = os.open(data_dir / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _refuse_folder(data_dir, error) from error
    try:
        yield _join_servers(data_dir, servers, variables, users_lock)
    finally:
        _leave_servers(data_dir, servers, users_lock)


def find_data_dir() -> Path:
    """Return DATA_DIR, by default `.local` in the project."""
    return (Path(__file__).parents[2] / os.environ.get("DATA_DIR", ".local")).resolve()


def _join_servers(
    data_dir: Path,
    servers: Collection[Server],
    variables: Collection[str],
    users_lock: int,
) -> dict[str, str]:
    try:
        with _hold_start_lock(data_dir):
            fcntl.flock(users_lock, fcntl.LOCK_SH)
            urls = {s.variable: s.ensure_running() for s in servers if s.variable in variables}
            running = {s.variable: s.read_url() for s in servers if s.is_running()}
            _write_services(data_dir / "services.env", running)
            return urls
    except OSError as error:
        raise _refuse_folder(data_dir, error) from error


def _leave_servers(data_dir: Path, servers: Collection[Server], users_lock: int) -> None:
    # A second Ctrl-C, or one that reaches the whole group, must not leave servers behind.
    stop_signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    try:
        with _hold_start_lock(data_dir):
            # Unlocked explicitly: closing does not unlock while a forked child has the file open.
            fcntl.flock(users_lock, fcntl.LOCK_UN)
            if not is_locked(data_dir / "users.lock"):
                (data_dir / "services.env").unlink(missing_ok=True)
                for server in servers:
                    server.stop()
    except OSError as error:
        raise _refuse_folder(data_dir, error) from error
    finally:
        os.close(users_lock)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _write_services(path: Path, urls: Mapping[str, str]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={url}\n" for name, url in urls.items())
    Path(temporary).replace(path)


def _refuse_folder(data_dir: Path, error: OSError) -> EmbeddedStoreError:
    where = error.filename or data_dir
    return EmbeddedStoreError(f"The data folder cannot be used: {where}: {error.strerror}.")


@contextmanager
def _hold_start_lock(data_dir: Path) -> Iterator[None]:
    with (data_dir / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
