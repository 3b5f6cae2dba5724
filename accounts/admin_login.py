"""Where admin asks for a password: at its login, and before its reader sets another.

Passwords are tried there under the limits of the API (see `accounts.attempts`).
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from accounts.errors import InvalidCredentials
from accounts.services import check_credentials, confirm_password
from config.errors import ServiceError
from config.http.errors import STATUSES, STORE_RETRY_SECONDS
from config.http.ratelimit import RateLimited, RateLimiterUnavailable, client_address


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """A name and a password. `refusal` is why the password was not looked at."""

    refusal: ServiceError | None = None

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.cleaned_data
        username, password = fields.get("username"), fields.get("password")
        if username is None or not password:
            return fields
        try:
            self.user_cache = check_credentials(
                username=username,
                email=None,
                password=password,
                address=client_address(self.request),
            )
        except InvalidCredentials as error:
            raise self.get_invalid_login_error() from error
        except (RateLimited, RateLimiterUnavailable) as error:
            self.refusal = error
            raise ValidationError(_explain(error)) from error
        self.confirm_login_allowed(self.user_cache)
        return fields


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The old password, and a new one twice; `refusal` as above."""

    refusal: ServiceError | None = None

    def __init__(self, *args: Any, address: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._address = address

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            confirm_password(self.user, password, address=self._address)
        except InvalidCredentials as error:
            text = self.error_messages["password_incorrect"]
            raise ValidationError(text, code="password_incorrect") from error
        except (RateLimited, RateLimiterUnavailable) as error:
            self.refusal = error
            raise ValidationError(_explain(error)) from error
        return password


class OwnPasswordView(PasswordChangeView):
    """The page on which a member of staff sets another password of their own."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"address": client_address(self.request)}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**admin.site.each_context(self.request), **context)


def log_in(request: HttpRequest) -> HttpResponseBase:
    """Show admin's login, and take a name and a password."""
    return _with_status(admin.site.login(request))


def change_password(request: HttpRequest) -> HttpResponseBase:
    """Show the page for another password of one's own, and take it."""
    view = admin.site.admin_view(OwnPasswordView.as_view())
    return _with_status(view(request))


def _with_status(response: HttpResponseBase) -> HttpResponseBase:
    """Answer 429 or 503 with Retry-After where the password was not looked at."""
    context: dict[str, Any] = getattr(response, "context_data", None) or {}
    refusal: ServiceError | None = getattr(context.get("form"), "refusal", None)
    if refusal is not None:
        response.status_code = STATUSES[refusal.code]
        response["Retry-After"] = str(_seconds_until_welcome(refusal))
    return response


def _explain(refusal: ServiceError) -> str:
    if not isinstance(refusal, RateLimited):
        return _("Passwords cannot be checked just now. Try again in a moment.")
    seconds = _seconds_until_welcome(refusal)
    return ngettext(
        "Too many passwords were tried. Try again in %(seconds)d second.",
        "Too many passwords were tried. Try again in %(seconds)d seconds.",
        seconds,
    ) % {"seconds": seconds}


def _seconds_until_welcome(refusal: ServiceError) -> int:
    seconds: int = getattr(refusal, "retry_after_seconds", STORE_RETRY_SECONDS)
    return seconds
