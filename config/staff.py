"""What pages of the admin have in common that show a log."""

from datetime import datetime
from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.utils import parse_datetime_str
from unfold.views import ChangeList

# What stands before a user's id where a log says who of the staff it was.
STAFF = "staff:"


def name_actor(request: HttpRequest) -> str:
    """Return what logs call the member of staff who makes this request."""
    return f"{STAFF}{request.user.pk}"


def find_username(actor: str) -> Subquery:
    """Return the expression for the username of the member of staff in that column, or NULL."""
    people = get_user_model()._default_manager.filter(pk=Substr(OuterRef(actor), len(STAFF) + 1))
    return Subquery(people.values("username"))


class StaffChangeList(ChangeList):  # type: ignore[misc]
    """A list that is narrowed by its own filters alone.

    Django takes any lookup of a model's own fields in the address: by `?buyer__regex=` and the
    like, what no page shows can be found out piece by piece.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            found = super().get_filters(request)
        except OverflowError as error:
            # Of the hierarchy of dates, which catches other bad numbers itself.
            raise IncorrectLookupParameters from error
        # What the filters know is taken off; what the hierarchy of dates knows is not.
        period = (f"{self.date_hierarchy}__gte", f"{self.date_hierarchy}__lt")
        declared = {*period, *self.model_admin.list_lookups}
        for lookup in found[2]:
            if lookup not in declared:
                raise DisallowedModelAdminLookup(f"Filtering by {lookup} not allowed")
        return found


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    """What every class of this admin is: in the theme's look, and filtered by what it lists.

    `list_lookups` are those that links of other pages use, and no filter of the list.
    """

    list_lookups: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StaffChangeList]:
        return StaffChangeList


class ReadOnlyAdmin:
    """No page of these adds, changes or deletes a row. Goes before the admin class it is for."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StrictActions:
    """Refuses actions of the list that the reader may not take; Django would pass over them."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST":
            known = {name for _function, name, _label in self._get_base_actions()}  # type: ignore[attr-defined]
            forbidden = known - set(self.get_actions(request))  # type: ignore[attr-defined]
            if forbidden.intersection(request.POST.getlist("action")):
                raise PermissionDenied
        page: HttpResponse = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return page


class PeriodFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """From one time to another, both included and in the server's time zone.

    A day without a time is the whole day; what is no day is no limit.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._read("from", "00:00:00"), self._read("to", "23:59:59")
        if start is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start})
        if end is not None:
            # A second's last moment is part of it.
            end = end.replace(microsecond=999_999)
            queryset = queryset.filter(**{f"{self.field_path}__lte": end})
        return queryset

    def _read(self, edge: str, time: str) -> datetime | None:
        day = self.used_parameters.get(f"{self.parameter_name}_{edge}_0")
        time = self.used_parameters.get(f"{self.parameter_name}_{edge}_1") or time
        moment: datetime | None = parse_datetime_str(f"{day} {time}")
        return None if moment is None else timezone.make_aware(moment)
