"""The web server as production runs it: `python -m config.server`.

HOST (127.0.0.1) and PORT (8000) say where it listens; the settings WEB_* say the rest.
"""

import os
import resource
import sys
from tempfile import TemporaryDirectory

import django
from django.conf import settings
from environs import Env, EnvError, validate
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

# A request's head, and what is read of a body at once.
_BUFFER_BYTES = 64 * 1024
# Files a worker opens besides connections of clients: modules, logs, figures, the stores.
_OTHER_FILES = 256


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    with TemporaryDirectory(prefix="cartwright-metrics-") as folder:
        # Every worker keeps its figures there, so that any of them can answer for all.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        try:
            server = build_server(Env())
            # The workers load the application by themselves. It is loaded here, too, so that bad
            # settings end the process; a worker that fails would only be replaced.
            django.setup()
        except EnvError as error:
            sys.exit(str(error))
        server.serve()


def build_server(env: Env) -> MPServer:
    """Return the server.

    It speaks HTTP/1.1 only. If it also spoke HTTP/2 without TLS, no time-out would apply before it
    knows the protocol. What has not ended WEB_STOP_SECONDS after a signal is killed.
    """
    return MPServer(
        "config.asgi:application",
        interface=Interfaces.ASGINL,
        # Half the CPU time that asyncio's own loop takes to read a body and to pass an answer on.
        loop=Loops.uvloop,
        address=env.str("HOST", "127.0.0.1"),
        port=env.int("PORT", 8000, validate=validate.Range(min=1, max=65_535)),
        workers=settings.WEB_WORKERS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=settings.WEB_CLIENT_SECONDS * 1_000,
            max_buffer_size=_BUFFER_BYTES,
        ),
        backpressure=_bound_connections(settings.WEB_CONNECTIONS),
        websockets=False,
        workers_kill_timeout=settings.WEB_STOP_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.info,
        log_dictconfig=settings.LOGGING,
    )


def _bound_connections(wanted: int) -> int:
    """Ask for as many connections a worker as wanted, and return how many it can hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))


if __name__ == "__main__":
    main()
