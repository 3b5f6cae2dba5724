"""The periodic jobs in the admin.

Operators choose when the project's own jobs run, and whether. The name and task of such a job are
fixed: `config.schedule` finds the job by its name, and makes a new one where it finds none.
"""

from typing import Any

from celery.schedules import ParseException
from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm as BeatPeriodicTaskForm
from django_celery_beat.admin import TaskSelectWidget as BeatTaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.schedule import list_jobs
from config.staff import StaffAdmin

# The package's admin has registered these. No job here runs once only, or by the sun.
admin.site.unregister(
    (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule)
)


class TaskSelectWidget(UnfoldAdminSelectWidget, BeatTaskSelectWidget):  # type: ignore[misc]
    """The tasks there are, in the theme's look."""


class NewTaskForm(BeatPeriodicTaskForm):  # type: ignore[misc]
    """A new job: what it runs as well as when."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = TaskSelectWidget()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()

    def clean(self) -> Any:
        # The package's check expects every field to be valid by itself.
        return self.cleaned_data if self.errors else super().clean()


class _NoBulkDeletion(StaffAdmin):
    """Offers no deletion in bulk: that action would delete rows that must not be deleted."""

    list_per_page = 50

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer none to those who may only look: the package's actions check no permission."""
        if not self.has_change_permission(request):
            return {}
        actions = super().get_actions(request)
        return {name: action for name, action in actions.items() if name != "delete_selected"}


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(_NoBulkDeletion, BeatPeriodicTaskAdmin):  # type: ignore[misc]
    """Periodic jobs: when they run, and whether. What a job runs is set when it is added."""

    form = ModelForm
    change_form_template = None
    date_hierarchy = None
    list_display = ("show_name", "task", "enabled", "scheduler", "last_run_at")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "task", "args", "kwargs", "description")}),
        (_("Schedule"), {"fields": ("enabled", "interval", "crontab", "start_time")}),
        (_("Execution"), {"fields": ("expire_seconds", "queue", "last_run_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "args", "kwargs", "description")}),
        *fieldsets[1:],
    )
    readonly_fields = ("last_run_at",)
    autocomplete_fields = ("interval", "crontab")

    @admin.display(description=_("name"), ordering="name")
    def show_name(self, task: PeriodicTask) -> str:
        """Return a job's name in the reader's language; the row keeps the English one."""
        return translation.gettext(task.name)

    @admin.display(description=_("description"))
    def show_description(self, task: PeriodicTask) -> str:
        return translation.gettext(task.description) if task.description else ""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if not _is_own_job(obj):
            return super().get_fieldsets(request, obj)
        fields = ("show_name", "task", "args", "kwargs", "show_description")
        return ((None, {"fields": fields}), *self.fieldsets[1:])

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewTaskForm
        return super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if obj is None:
            return fields
        shown = ("show_name", "show_description") if _is_own_job(obj) else ()
        return (*fields, "task", "args", "kwargs", *shown)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_own_job(obj) and bool(super().has_delete_permission(request, obj))


class _ScheduleAdmin(_NoBulkDeletion):
    """A timetable for jobs. It cannot be deleted while jobs use it: they would be deleted, too."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.periodictask_set.exists():
            return False
        return bool(super().has_delete_permission(request, obj))


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(_ScheduleAdmin):
    """Every so many seconds, minutes, hours or days."""

    list_display = ("__str__", "every", "period")
    list_filter = ("period",)
    search_fields = ("every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(_ScheduleAdmin):
    """At times of the clock and the calendar."""

    list_display = ("__str__", "show_in_words")
    fields = (
        "show_in_words", "minute", "hour", "day_of_month", "month_of_year", "day_of_week",
        "timezone",
    )  # fmt: skip
    readonly_fields = ("show_in_words",)
    search_fields = ("minute", "hour", "timezone")

    @admin.display(description=_("in words"))
    def show_in_words(self, schedule: CrontabSchedule) -> str:
        """Return the schedule in words; "" for one that was typed in and is not valid."""
        try:
            return str(schedule.human_readable)
        except ParseException:
            return ""


def _is_own_job(task: Any) -> bool:
    return task is not None and task.name in {job.name for job in list_jobs()}
