"""The web server as production runs it: `python -m config.server`.

HOST (127.0.0.1) and PORT (8000) say where it listens, WEB_WORKERS (2) how many processes serve.
"""

import os
import sys
from tempfile import TemporaryDirectory

import django
from django.conf import settings
from environs import Env, EnvError, validate
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import MPServer


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    with TemporaryDirectory(prefix="cartwright-metrics-") as folder:
        # Every worker keeps its figures there, so that any of them can answer for all.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)
        try:
            server = build_server(Env())
            # The workers load the application by themselves. Loading it here, too, ends the process
            # over bad settings, where a worker's failure would only have it replaced.
            django.setup()
        except EnvError as error:
            sys.exit(str(error))
        server.serve()


def build_server(env: Env) -> MPServer:
    """Return the server. Each worker has one thread, so one connection to each store."""
    return MPServer(
        "config.wsgi:application",
        interface=Interfaces.WSGI,
        address=env.str("HOST", "127.0.0.1"),
        port=env.int("PORT", 8000, validate=validate.Range(min=1, max=65_535)),
        workers=env.int("WEB_WORKERS", 2, validate=validate.Range(min=1)),
        blocking_threads=1,
        websockets=False,
        respawn_failed_workers=True,
        log_level=LogLevels.info,
        log_dictconfig=settings.LOGGING,
    )


if __name__ == "__main__":
    main()
