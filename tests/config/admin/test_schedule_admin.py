"""The periodic jobs in the admin."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from tests.config.admin.staff import sign_in, sign_in_superuser

pytestmark = pytest.mark.django_db

BEAT = "django_celery_beat"
VIEW, CHANGE, DELETE = (f"{BEAT}.{verb}_periodictask" for verb in ("view", "change", "delete"))


def page(view: str, row: Any = None, model: str = "periodictask") -> str:
    return reverse(f"admin:{BEAT}_{model}_{view}", args=[row.pk] if row else [])


def find_own_job() -> Any:
    return PeriodicTask.objects.get(name="Cancel unpaid orders")


def add_job(client: Client, **fields: Any) -> Any:
    interval = IntervalSchedule.objects.get_or_create(every=7, period="hours")[0]
    values = {
        "name": "Mine",
        "regtask": "orders.tasks.settle",
        "task": "",
        "args": "[]",
        "kwargs": "{}",
        "enabled": "on",
        "interval": interval.pk,
    }
    return client.post(page("add"), values | fields)


@pytest.mark.parametrize("model", ["periodictask", "intervalschedule", "crontabschedule"])
def test_pages_open(model: str) -> None:
    client = sign_in_superuser()

    for view in ("changelist", "add"):
        assert client.get(page(view, model=model)).status_code == 200
    found = client.get(page("changelist", model=model), {"q": "10"})
    assert found.status_code == 200


def test_the_list_costs_as_many_queries_for_many_jobs_as_for_one() -> None:
    client = sign_in_superuser()
    PeriodicTask.objects.exclude(name="Settle orders").delete()
    with CaptureQueriesContext(connection) as for_one:
        client.get(page("changelist"))
    interval = IntervalSchedule.objects.first()
    PeriodicTask.objects.bulk_create(
        [PeriodicTask(name=f"job {n}", task="x", interval=interval) for n in range(30)]
    )

    with CaptureQueriesContext(connection) as for_many:
        client.get(page("changelist"))

    assert len(for_many) == len(for_one)


def test_a_job_is_set_to_another_interval_and_beat_is_told() -> None:
    job = find_own_job()
    rarely = IntervalSchedule.objects.create(every=7, period="hours")
    told = PeriodicTasks.last_change()

    response = sign_in(CHANGE).post(
        page("change", job),
        {"name": "Other", "task": "x.y", "interval": rarely.pk, "expire_seconds": "60"},
    )

    assert response.status_code == 302
    changed = PeriodicTask.objects.get(pk=job.pk)
    assert (changed.interval, changed.enabled, changed.expire_seconds) == (rarely, False, 60)
    assert (changed.name, changed.task) == (job.name, job.task)
    assert PeriodicTasks.last_change() > told


def test_a_job_needs_exactly_one_schedule() -> None:
    job = find_own_job()

    response = sign_in(CHANGE).post(page("change", job), {"interval": "", "enabled": "on"})

    assert response.status_code == 200
    assert len(response.context["errors"]) == 1
    assert PeriodicTask.objects.get(pk=job.pk).interval == job.interval


def test_own_jobs_cannot_be_deleted_and_added_ones_can() -> None:
    client = sign_in_superuser()
    assert add_job(client).status_code == 302
    added = PeriodicTask.objects.get(name="Mine")

    refused = client.post(page("delete", find_own_job()), {"post": "yes"})
    client.post(page("delete", added), {"post": "yes"})
    client.post(
        page("changelist"),
        {"action": "delete_selected", "_selected_action": [find_own_job().pk], "post": "yes"},
    )

    assert refused.status_code == 403
    assert PeriodicTask.objects.filter(name=find_own_job().name).exists()
    assert not PeriodicTask.objects.filter(name="Mine").exists()


@pytest.mark.parametrize("fields", [{"args": "{"}, {"kwargs": "x"}, {"regtask": ""}])
def test_a_new_job_that_could_not_run_is_refused(fields: dict[str, str]) -> None:
    response = add_job(sign_in_superuser(), **fields)

    assert response.status_code == 200
    assert not PeriodicTask.objects.filter(name="Mine").exists()


def test_an_interval_in_use_cannot_be_deleted() -> None:
    client = sign_in_superuser()
    idle = IntervalSchedule.objects.create(every=7, period="hours")
    used = find_own_job().interval

    refused = client.post(page("delete", used, "intervalschedule"), {"post": "yes"})
    client.post(page("delete", idle, "intervalschedule"), {"post": "yes"})

    assert refused.status_code == 403
    assert not IntervalSchedule.objects.filter(pk=idle.pk).exists()
    assert find_own_job().interval == used


def test_who_may_only_look_changes_nothing() -> None:
    client = sign_in(VIEW)
    job = find_own_job()

    opened = client.get(page("change", job))
    client.post(page("changelist"), {"action": "disable_tasks", "_selected_action": [job.pk]})
    refused = client.post(page("change", job), {"interval": "", "enabled": ""})

    assert opened.status_code == 200
    assert refused.status_code == 403
    assert find_own_job().enabled


def test_jobs_are_disabled_in_bulk() -> None:
    job = find_own_job()

    sign_in(CHANGE).post(
        page("changelist"), {"action": "disable_tasks", "_selected_action": [job.pk]}
    )

    assert not find_own_job().enabled


def test_own_jobs_are_named_in_the_readers_language() -> None:
    client = sign_in_superuser()
    job = find_own_job()

    pages = [
        client.get(page(view, row), headers={"Accept-Language": "zh-hans"}).content.decode()
        for view, row in (("changelist", None), ("change", job))
    ]

    assert all("取消未付款的订单" in each for each in pages)
    assert "Save changed carts" not in pages[0]
