"""Users and groups in the admin.

Only superusers hand out rights to users. Whoever else may change users and groups touches nobody
with rights that they lack, and puts no such rights into a group (see `accounts.rights`).
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User
from accounts.people import erase_user, find_traces
from accounts.rights import may_change_group, may_change_user, own_permissions
from config.staff import StaffAdmin

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffAdmin):  # type: ignore[misc,type-arg]
    """Accounts. Deactivating one here, or setting its password, ends its tokens within seconds."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "usable_password", "password1", "password2"),
            },
        ),
    )
    list_display = ("username", "email", "is_active", "show_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("=id", "username", "email", "first_name", "last_name")
    readonly_fields = ("id", "last_login", "date_joined")
    ordering = ("username",)
    show_full_result_count = False

    @display(  # type: ignore[untyped-decorator]
        description=_("Staff"), ordering="is_staff", label={"yes": "info"}
    )
    def show_staff(self, user: User) -> tuple[str, Any] | None:
        return ("yes", _("Staff")) if user.is_staff else None

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        return ((None, {"fields": ("id",)}), *fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or may_change_user(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or may_change_user(request.user, obj))

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Return what erasing these users reaches, and whether any may not be erased."""
        users = list(objs)
        erased = [part for user in users for part in (user.username, _describe_erasure(user))]
        refused = {
            str(self.opts.verbose_name)
            for user in users
            if not self.has_delete_permission(request, user)
        }
        return erased, {str(self.opts.verbose_name_plural): len(users)}, refused, []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        erase_user(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for user in queryset.order_by("pk"):
            erase_user(user)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffAdmin):  # type: ignore[misc]
    """Groups of permissions."""

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **options: Any
    ) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **options)
        if field is not None and request is not None and db_field.name == "permissions":
            own = own_permissions(request.user)
            field.queryset = field.queryset.filter(pk__in=own.values("pk"))
        return field

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or may_change_group(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or may_change_group(request.user, obj))


def _describe_erasure(user: User) -> list[str]:
    traces = find_traces(user)
    return [
        gettext("Erased for ever: the account, its tokens, and its carts (%(carts)s saved).")
        % {"carts": traces.carts},
        gettext("%(orders)s orders keep their figures, without contact, address, note and buyer.")
        % {"orders": traces.orders},
        gettext("%(changes)s entries in the log of cart changes stay, by nobody.")
        % {"changes": traces.changes},
    ]
