"""The Celery application; its settings are Django's, under CELERY_."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_init

from config.http.recording import begin_task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_NICENESS = 10

app = Celery("cartwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def name_task(task_id: str, **_: Any) -> None:
    """Make the log lines of a task carry its id."""
    begin_task(task_id)


@worker_init.connect
def stand_back(**_: Any) -> None:
    """Give requests of shoppers the cores first; jobs get what remains.

    Linux on a desktop or a bare machine divides the cores among sessions before it looks at
    processes, so a session of the worker's own has to stand back, too.
    """
    os.nice(_NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="utf-8")
