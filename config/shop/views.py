"""The pages: translated frames that the shop's scripts fill from the API."""

import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.http.errors import STORE_RETRY_SECONDS
from config.shop.policy import PAGE_POLICY, with_policy


@require_safe
@with_policy(PAGE_POLICY)
def show_page(request: HttpRequest, *, template: str, **context: str) -> HttpResponse:
    """Show a page; `context` holds what the page's address names, such as a product's id."""
    return render(request, template, _describe_shop() | context)


@with_policy(PAGE_POLICY)
def show_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Say that there is no such page."""
    return render(request, "404.html", _describe_shop(), status=404)


@with_policy(PAGE_POLICY)
def show_bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Say that what was sent makes no sense."""
    return _refuse(request, 400, _("Bad request"), _("The address or the form makes no sense."))


@with_policy(PAGE_POLICY)
def show_csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Say that a form came from another site, or from a page that is too old."""
    text = _("This form is too old, or came from elsewhere. Open its page again.")
    return _refuse(request, 403, _("Not accepted"), text)


@with_policy(PAGE_POLICY)
def show_forbidden(request: HttpRequest) -> HttpResponseBase:
    """Say that this page is for others."""
    return _refuse(request, 403, _("No access"), _("You may not see this page."))


@with_policy(PAGE_POLICY)
def show_failure(request: HttpRequest) -> HttpResponseBase:
    """Say that something broke, with a page that needs no part that may be broken.

    A database that is away, takes no changes or is busy is a 503 here as it is in the API.
    """
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        page = render(request, "500.html", {"is_temporary": True}, status=503)
        page["Retry-After"] = str(STORE_RETRY_SECONDS)
        return page
    return render(request, "500.html", status=500)


def _refuse(request: HttpRequest, status: int, title: str, text: str) -> HttpResponseBase:
    context = {"title": title, "text": text} | _describe_shop()
    return render(request, "refused.html", context, status=status)


def _describe_shop() -> dict[str, str]:
    """Return what every page tells its scripts; numbers are written for scripts, not for people."""
    return {
        "currency": settings.CART_CURRENCY,
        "low_stock": str(settings.CART_LOW_STOCK),
        "max_units": str(settings.CART_MAX_UNITS_PER_LINE),
    }
