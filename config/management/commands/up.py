"""Run the whole shop in the foreground."""

import http.client
import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connections
from environs import Env, validate

from accounts.management.commands.seed_demo_users import CUSTOMERS, PASSWORD, STAFF
from config.development.supervisor import ProgramEnded, StopRequested, Supervisor
from products.models import Product

# Developers in containers are often root; Celery would print a long warning about that.
CELERY = [sys.executable, "-W", "ignore:You're running the worker with superuser", "-m", "celery"]
PROJECT = ["--app", "config", "--quiet"]
PROGRAMS = {
    "web": [sys.executable, "-m", "config.server"],
    "worker": [*CELERY, *PROJECT, "worker", "--loglevel=INFO", "--concurrency=2"],
    "beat": [*CELERY, *PROJECT, "beat", "--loglevel=INFO", "--pidfile="],
}


class Command(BaseCommand):
    help = (
        "Migrate, load the demo shop if there are no products, and run web server, worker and"
        " beat until Ctrl-C. PORT (8000), HOST (127.0.0.1) and DATA_DIR (.local) are read from"
        " the environment. For development: production runs each of them by itself."
    )

    is_up = False

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("up is for development; see config/README.md for production.")
        env = Env()
        host = env.str("HOST", "127.0.0.1")
        port = env.int("PORT", 8000, validate=validate.Range(min=1, max=65_535))
        _check_port(host, port)
        self._prepare_data()
        try:
            self._run_programs(host, port)
        except StopRequested:
            self.stdout.write("Stopped.")
        except ProgramEnded as ended:
            raise CommandError(
                f"{ended.name} ended with exit code {ended.exit_code}"
                f"{' again and again' if self.is_up else ''}, so all was stopped."
            ) from ended

    def _prepare_data(self) -> None:
        self.stdout.write("Migrating the database")
        call_command("migrate", interactive=False, verbosity=0)
        if not Product.objects.exists():
            self.stdout.write("Loading the demo shop")
            call_command("seed_demo")
        connections.close_all()

    def _run_programs(self, host: str, port: int) -> None:
        with Supervisor() as supervisor:
            supervisor.start("web", PROGRAMS["web"], os.environ)
            supervisor.start("worker", PROGRAMS["worker"], os.environ, ready_words=" ready.")
            supervisor.wait_until(lambda: _is_serving(host, port))
            # Tasks that beat sends before the worker is there would reach the worker too late.
            supervisor.wait_until(lambda: supervisor.is_ready("worker"))
            supervisor.start("beat", PROGRAMS["beat"], os.environ)
            self._announce(f"http://{host}:{port}")
            self.is_up = True
            supervisor.keep_running()

    def _announce(self, address: str) -> None:
        self.stdout.write(f"Shop      {address}/")
        self.stdout.write(f"Admin     {address}/admin/")
        self.stdout.write(f"API docs  {address}/api/docs")
        self.stdout.write(
            f"Log in    {', '.join(CUSTOMERS)}, or {STAFF} as staff; password {PASSWORD}"
        )


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        # As the server does, so that connections still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken or not allowed ({error.strerror}); choose another:"
                " PORT=8001 make up"
            ) from error


def _is_serving(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
