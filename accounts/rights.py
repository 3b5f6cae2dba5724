"""Who of the staff may change whom: nobody touches people with rights that they lack themselves.

Without this rule, staff who may change users could set the password or the address of a colleague
with more rights, and sign in as that colleague.
"""

from typing import Protocol, cast

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from accounts.models import User


class Actor(Protocol):
    """The member of staff who asks, as a request has it."""

    is_superuser: bool

    def get_all_permissions(self) -> set[str]: ...


def may_change_user(actor: object, user: User) -> bool:
    """Tell whether the actor has every right of this user, who need not be active."""
    granted = Q(user=user) | Q(group__user=user)
    return _covers(actor, Permission.objects.filter(granted), superuser=user.is_superuser)


def may_change_group(actor: object, group: Group) -> bool:
    """Tell whether the actor has every right that this group grants, and that its members have."""
    members = User.objects.filter(groups=group)
    granted = Q(group=group) | Q(user__in=members) | Q(group__user__in=members)
    superuser = members.filter(is_superuser=True).exists()
    return _covers(actor, Permission.objects.filter(granted), superuser=superuser)


def own_permissions(actor: object) -> QuerySet[Permission]:
    """Return the permissions that the actor has, and so may grant."""
    permissions = Permission.objects.all()
    if cast("Actor", actor).is_superuser:
        return permissions
    return permissions.filter(Q(user=actor) | Q(group__user=actor)).distinct()


def _covers(actor: object, permissions: QuerySet[Permission], *, superuser: bool) -> bool:
    """Tell whether the actor has all these permissions, and is a superuser if `superuser`."""
    staff = cast("Actor", actor)
    if staff.is_superuser:
        return True
    names = permissions.values_list("content_type__app_label", "codename")
    own = staff.get_all_permissions()
    return not superuser and all(f"{app}.{codename}" in own for app, codename in names)
