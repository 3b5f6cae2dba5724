"""The Celery application; its settings are Django's, under CELERY_."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun

from config.http.context import begin_task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("cartwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def name_task(task_id: str, **_: Any) -> None:
    """Have the log lines of a task carry its id."""
    begin_task(task_id)
