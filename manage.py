#!/usr/bin/env python3
"""Run an administrative command; `manage.py help` lists them.

Outside production, a command finds embedded servers for whichever of DATABASE_URL and REDIS_URL
is not set: those which run already, or its own until it ends.
"""

import os
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

from django.core.management import execute_from_command_line
from django.db import OperationalError
from environs import EnvError

from config.development.embedded import EmbeddedStoreError, find_data_dir, open_stores
from config.development.store_servers import find_postgres_programs

STORELESS = {"help", "version", "--help", "--version", "-h"}
UNUSED_STORES = {
    "DATABASE_URL": "postgresql:///cartwright",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)
    with ExitStack() as stack:
        try:
            _provide_stores(stack)
            execute_from_command_line(sys.argv)
        except (EmbeddedStoreError, EnvError) as error:
            sys.exit(f"{error}")
        except OperationalError as error:
            # The driver takes several lines to say that nobody listens.
            sys.exit(f"The database cannot be used: {' '.join(str(error).split())}")
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)


def _provide_stores(stack: ExitStack) -> None:
    missing = UNUSED_STORES.keys() - os.environ.keys()
    if not missing or os.environ.get("ENVIRONMENT") == "production":
        return
    if len(sys.argv) == 1 or STORELESS.intersection(sys.argv):
        os.environ.update({name: UNUSED_STORES[name] for name in missing})
        return
    urls = stack.enter_context(open_stores(find_data_dir(), variables=missing))
    # dbshell runs psql, which a machine without PostgreSQL has only in the wheel.
    path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{find_postgres_programs()}"
    os.environ.update(urls, STORES_ARE_EMBEDDED="1", PATH=path)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by an exception, so that what was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
