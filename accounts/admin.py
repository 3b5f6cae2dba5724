"""Users, groups and service keys in the admin.

Only superusers hand out rights to users. Whoever else may change users and groups touches nobody
with rights that they lack, and puts no such rights into a group (see `accounts.rights`).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from accounts.keys import MAX_DAYS, add_key, revoke_key
from accounts.models import ServiceKey, User
from accounts.people import erase_user, find_traces
from accounts.rights import may_change_group, may_change_user, own_permissions
from accounts.scopes import Scope
from config.staff import ReadOnlyAdmin, StaffAdmin, StrictActions

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


class ServiceKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new key is called, and what it may do for how long."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        help_text=_("How long it works; empty for ever."),
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = ServiceKey
        fields = ("name",)


@admin.register(ServiceKey)
class ServiceKeyAdmin(StrictActions, ReadOnlyAdmin, StaffAdmin):
    """Service keys. A new one is shown in the answer to its form, and is kept nowhere."""

    form = ServiceKeyForm
    actions = ("revoke",)
    list_display = (
        "name",
        "show_prefix",
        "show_scopes",
        "show_state",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "prefix")
    ordering = ("-created_at", "-id")
    readonly_fields = (
        "name",
        "show_prefix",
        "show_scopes",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )

    def get_fields(self, request: HttpRequest, obj: ServiceKey | None = None) -> tuple[str, ...]:
        return ("name", "scopes", "days") if obj is None else self.readonly_fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: ServiceKey | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_issue_permission(request)

    def has_issue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.issue_servicekey")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_view_permission(request, obj)
        return allowed or self.has_issue_permission(request)

    @admin.display(description=_("Begins with"))
    def show_prefix(self, key: ServiceKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description=_("Scopes"))
    def show_scopes(self, key: ServiceKey) -> str:
        return ", ".join(key.scopes)

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label={"living": "success", "ended": "danger"}
    )
    def show_state(self, key: ServiceKey) -> tuple[str, Any]:
        if key.is_living(timezone.now()):
            return "living", _("In force")
        return "ended", _("Expired") if key.revoked_at is None else _("Revoked")

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> ServiceKey:
        """Make the key of a valid form."""
        super().save_form(request, form, change)
        values, now = form.cleaned_data, timezone.now()
        days = values["days"]
        return add_key(
            name=values["name"],
            scopes=[Scope(each) for each in values["scopes"]],
            expires_at=None if days is None else now + timedelta(days=days),
            now=now,
        )

    def save_model(self, request: HttpRequest, obj: ServiceKey, form: Any, change: bool) -> None:
        """Do nothing more: the key has been made with its form."""

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key in the answer itself: a redirect would have to keep it for its next page."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Service key"),
            "opts": self.opts,
            "key": obj,
        }
        response = TemplateResponse(request, "admin/accounts/servicekey/made.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Revoke"), permissions=["issue"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ServiceKey]) -> None:
        now = timezone.now()
        revoked = [key for key in queryset if revoke_key(key, now)]
        message = [{"changed": {"fields": ["revoked_at"]}}]
        LogEntry.objects.log_actions(str(request.user.pk), revoked, CHANGE, message)
        done = _("%(count)d revoked.") % {"count": len(revoked)}
        self.message_user(request, done, messages.SUCCESS)


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
