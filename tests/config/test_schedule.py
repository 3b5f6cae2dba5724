"""The periodic jobs: made once, and then the operators'."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps.registry import Apps
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from pytest_django import Settings

from config.celery import app
from config.schedule import create_missing_jobs, list_jobs

# Beat ends the transaction it finds open.
pytestmark = pytest.mark.django_db(transaction=True)

WRITE_BEHIND = "Save changed carts"


def rows() -> list[dict[str, Any]]:
    """Return every row, the times of its last runs aside."""
    return list(PeriodicTask.objects.order_by("pk").values())


def interval_of(name: str) -> timedelta:
    interval: timedelta = PeriodicTask.objects.get(name=name).interval.schedule.run_every
    return interval


def test_every_job_has_a_row_that_beat_takes_up() -> None:
    jobs = {job.name: job for job in list_jobs()}

    schedule = DatabaseScheduler(app=app).schedule

    assert schedule.keys() == jobs.keys()
    for name, entry in schedule.items():
        assert entry.task == jobs[name].task
        assert entry.schedule.run_every == jobs[name].interval
        assert entry.options["expires"] == jobs[name].interval.total_seconds()


def test_every_job_runs_a_task_there_is() -> None:
    app.loader.import_default_modules()

    assert {job.task for job in list_jobs()} <= app.tasks.keys()


@pytest.mark.parametrize(("seconds", "interval"), [(3, 3), (0, 10)])
def test_write_behind_runs_as_often_as_its_setting_says_at_first(
    settings: Settings, seconds: int, interval: int
) -> None:
    PeriodicTask.objects.all().delete()
    settings.CART_WRITE_BEHIND_SECONDS = seconds

    call_command("migrate", verbosity=0)

    assert interval_of(WRITE_BEHIND) == timedelta(seconds=interval)


def test_what_operators_change_survives_migrations_and_starts_of_beat(settings: Settings) -> None:
    slowly, _ = IntervalSchedule.objects.get_or_create(every=7, period="minutes")
    names = [job.name for job in list_jobs()]
    PeriodicTask.objects.filter(name=names[0]).update(interval=slowly, expire_seconds=None)
    PeriodicTask.objects.filter(name=names[1]).update(enabled=False, description="Not today")
    PeriodicTask.objects.filter(name=names[2]).update(task="shop.tasks.our_own", queue="slow")
    settings.CART_WRITE_BEHIND_SECONDS = 3
    before = rows()

    call_command("migrate", verbosity=0)
    DatabaseScheduler(app=app).setup_schedule()

    assert rows() == before


def test_only_what_is_missing_is_made_again() -> None:
    PeriodicTask.objects.filter(name=WRITE_BEHIND).delete()
    before = rows()

    call_command("migrate", verbosity=0)

    assert rows()[:-1] == before
    assert rows()[-1]["name"] == WRITE_BEHIND


def test_a_beat_that_runs_already_hears_of_a_new_job() -> None:
    PeriodicTask.objects.filter(name=WRITE_BEHIND).delete()
    beat = DatabaseScheduler(app=app)
    before = WRITE_BEHIND in beat.schedule

    create_missing_jobs()

    assert (before, WRITE_BEHIND in beat.schedule) == (False, True)


def test_a_migration_with_nothing_to_make_asks_once() -> None:
    with CaptureQueriesContext(connection) as queries:
        create_missing_jobs()

    assert len(queries) == 1


def test_taking_the_schedules_tables_away_is_no_error() -> None:
    with CaptureQueriesContext(connection) as queries:
        create_missing_jobs(apps=Apps())

    assert len(queries) == 0
