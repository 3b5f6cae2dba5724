"""The periodic jobs, which beat reads from the database.

A job's row is made once, by the first migration that finds it missing. From then on the row is the
operators': what they change in admin stays. They disable a job there if it must not run; a deleted
job comes back with the next migration.

Beat has no lock and may run twice, so every job is safe twice at once. Each goes on where the last
run stopped, so a run that has waited for a worker as long as its interval is dropped for the next.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop as _

_BEAT = "django_celery_beat"


@dataclass(frozen=True, slots=True)
class Job:
    """A task to run every so many seconds, minutes or hours; its row is known by its name."""

    name: str
    task: str
    every: int
    period: Literal["seconds", "minutes", "hours"]
    description: str = ""

    @property
    def interval(self) -> timedelta:
        return timedelta(**{self.period: self.every})


def list_jobs() -> list[Job]:
    """Return every job as its row is to be made."""
    return [
        Job(
            _("Save changed carts"),
            "carts.tasks.save_changed_carts",
            settings.CART_WRITE_BEHIND_SECONDS or 10,
            "seconds",
            _("Does nothing while CART_WRITE_BEHIND_SECONDS is 0."),
        ),
        Job(_("Save all unsaved carts"), "carts.tasks.save_unsaved_carts", 1, "hours"),
        Job(
            _("Verify carts"),
            "carts.tasks.verify_carts",
            10,
            "seconds",
            _("Does nothing while CART_VERIFY_HOURS is 0."),
        ),
        Job(_("End idle carts"), "carts.tasks.sweep_carts", 10, "minutes"),
        Job(_("Finish merges"), "carts.tasks.finish_merges", 1, "minutes"),
        Job(_("Log cart changes"), "carts.tasks.drain_changes", 5, "seconds"),
        Job(
            _("Publish cart changes"),
            "carts.tasks.publish_changes",
            5,
            "seconds",
            _("Does nothing while CART_EVENTS_KAFKA is empty."),
        ),
        Job(_("Delete old cart changes"), "carts.tasks.purge_changes", 1, "hours"),
        Job(_("Refuse deactivated users"), "accounts.tasks.revoke_deactivated_users", 5, "seconds"),
        Job(_("Forget expired sign-ins"), "accounts.tasks.forget_expired_sign_ins", 1, "hours"),
        Job(_("Cancel unpaid orders"), "orders.tasks.cancel_unpaid", 1, "minutes"),
        Job(_("Settle orders"), "orders.tasks.settle", 30, "seconds"),
        Job(_("Forget answers to orders"), "orders.tasks.forget_old_replies", 1, "hours"),
    ]


def create_missing_jobs(*, apps: Apps = installed_apps, **options: Any) -> None:
    """Make the rows of jobs that have none. Called after each migration, with its models."""
    try:
        tasks = apps.get_model(_BEAT, "PeriodicTask").objects
    except LookupError:
        # A migration has just removed the schedule's own tables.
        return
    known = set(tasks.values_list("name", flat=True))
    missing = [job for job in list_jobs() if job.name not in known]
    if not missing:
        return
    intervals = apps.get_model(_BEAT, "IntervalSchedule").objects
    tasks.bulk_create(
        [
            tasks.model(
                name=job.name,
                task=job.task,
                interval=intervals.get_or_create(every=job.every, period=job.period)[0],
                expire_seconds=job.interval // timedelta(seconds=1),
                description=job.description,
            )
            for job in missing
        ],
        ignore_conflicts=True,
    )
    # A running beat looks here to see whether anything is new.
    changes = apps.get_model(_BEAT, "PeriodicTasks").objects
    changes.update_or_create(ident=1, defaults={"last_update": timezone.now()})
