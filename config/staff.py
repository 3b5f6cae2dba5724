"""What every app's admin is built upon: base classes, filters, and how logs name staff.

This module knows no app. The pages that know all apps are in `config.admin`.
"""

from datetime import datetime
from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat, Substr
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.utils import parse_datetime_str
from unfold.views import ChangeList

# Logs write this before the user id of a member of staff.
STAFF = "staff:"


def name_actor(request: HttpRequest) -> str:
    """Return what logs call the member of staff who makes this request."""
    return f"{STAFF}{request.user.pk}"


def find_username(column: str, *, prefix: str = STAFF) -> Subquery:
    """Return the username, or NULL, of the user whose id a column has after `prefix`."""
    user_id = Substr(OuterRef(column), len(prefix) + 1)
    people = get_user_model()._default_manager.filter(pk=user_id)
    # The index finds the id first; then a "key:…", which may end in an id, is not taken for staff.
    named = people.alias(_actor=Concat(Value(prefix), "pk")).filter(_actor=OuterRef(column))
    return Subquery(named.values("username"))


class StaffChangeList(ChangeList):  # type: ignore[misc]
    """A list that only its own filters can narrow.

    Django takes any lookup of a model's own fields in the address. With `?buyer__regex=` and the
    like, somebody could find out piece by piece what no page shows.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            found = super().get_filters(request)
        except OverflowError as error:
            # The hierarchy of dates catches other bad numbers, but not one that is too large.
            raise IncorrectLookupParameters from error
        # Django has taken off the lookups of the filters, but not those of the hierarchy of dates.
        period = (f"{self.date_hierarchy}__gte", f"{self.date_hierarchy}__lt")
        declared = {*period, *self.model_admin.list_lookups}
        for lookup in found[2]:
            if lookup not in declared:
                raise DisallowedModelAdminLookup(f"Filtering by {lookup} not allowed")
        return found


class StaffAdmin(ModelAdmin):  # type: ignore[misc]
    """The base of every admin class: it has the theme's look, and only filters that it declares.

    `list_lookups` are further lookups, which links of other pages use.
    """

    list_lookups: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StaffChangeList]:
        return StaffChangeList


class ReadOnlyAdmin:
    """Lets nobody add, change or delete a row. Must precede the admin class among the bases."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StrictActions:
    """Refuses actions of the list that the reader may not take; Django would ignore them."""

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

    A day without a time is the whole day. A value that is no day sets no limit.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._read("from", "00:00:00"), self._read("to", "23:59:59")
        if start is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start})
        if end is not None:
            # The last second counts to its end.
            end = end.replace(microsecond=999_999)
            queryset = queryset.filter(**{f"{self.field_path}__lte": end})
        return queryset

    def _read(self, edge: str, time: str) -> datetime | None:
        day = self.used_parameters.get(f"{self.parameter_name}_{edge}_0")
        time = self.used_parameters.get(f"{self.parameter_name}_{edge}_1") or time
        moment: datetime | None = parse_datetime_str(f"{day} {time}")
        return None if moment is None else timezone.make_aware(moment)
