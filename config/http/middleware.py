"""Middleware: a request id and the envelope for /api, the usual stack for pages and admin only."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import BadRequest, DisallowedHost
from django.core.handlers.exception import response_for_exception
from django.db import DataError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from config.errors import ServiceError
from config.http.context import begin_request
from config.http.envelope import refuse
from config.http.errors import handle_api_exception, refuse_service_error
from config.http.parsing import check_body

logger = logging.getLogger(__name__)


class RequestContextMiddleware:
    """Begin the request: its name, its language, and an envelope for what goes wrong under /api.

    A thread keeps the language of its last request, so each request begins with the default one.
    Only the site's middleware chooses another later: the API speaks English.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = begin_request(request)
        translation.activate(settings.LANGUAGE_CODE)
        response = self._respond(request)
        response["X-Request-ID"] = name
        return response

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_api(request):
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            return refuse(status=400, message="Invalid host", error={"type": "invalid_host"})
        response = self.get_response(request)
        if response.status_code >= 400 and response.get("Content-Type") != "application/json":
            return _envelop(response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if not _is_api(request):
            return None
        known = handle_api_exception(error, {})
        if known is not None:
            return known
        logger.error("unhandled error on %s %s", request.method, request.path, exc_info=error)
        return refuse(status=500, message="Internal server error", error={"type": "internal_error"})


class BodyMiddleware:
    """Refuse a body that the API cannot read, before anything is done without it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_api(request):
            return self.get_response(request)
        try:
            check_body(request)
        except ServiceError as error:
            return refuse_service_error(error)
        return self.get_response(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def _envelop(response: HttpResponseBase) -> HttpResponseBase:
    status = HTTPStatus(response.status_code)
    message = {404: "Not found", 500: "Internal server error"}.get(status, status.phrase)
    slug = {500: "internal_error"}.get(status, status.name.lower())
    headers = {"Allow": response["Allow"]} if "Allow" in response else None
    return refuse(status=status, message=message, error={"type": slug}, headers=headers)


# Probes come by address, under a host name nobody allowed, and need no session either.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def _for_site_only(middleware: Any) -> Any:
    """Return the middleware as one which requests to the API and probes pass by.

    The API has no session, no CSRF token and no messages.
    """

    class SiteOnly(middleware):  # type: ignore[misc]
        def __call__(self, request: HttpRequest) -> HttpResponseBase:
            if _is_api(request) or request.path_info in _PROBES:
                return self.get_response(request)  # type: ignore[no-any-return]
            return super().__call__(request)  # type: ignore[no-any-return]

    return SiteOnly


SiteSessionMiddleware = _for_site_only(SessionMiddleware)
SiteLocaleMiddleware = _for_site_only(LocaleMiddleware)
SiteCommonMiddleware = _for_site_only(CommonMiddleware)
SiteCsrfViewMiddleware = _for_site_only(CsrfViewMiddleware)
SiteAuthenticationMiddleware = _for_site_only(AuthenticationMiddleware)
SiteMessageMiddleware = _for_site_only(MessageMiddleware)
SiteXFrameOptionsMiddleware = _for_site_only(XFrameOptionsMiddleware)


class StorableMiddleware:
    """Refuse what pages are sent that the database cannot take; the API names the field by itself.

    A NUL is seen at once: in a path it names nothing. What else there is, such as a number beyond
    any column or a NUL in a form, is refused when the database has refused it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_api(request):
            _refuse_nul(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if _is_api(request) or not _is_unstorable(error):
            return None
        return response_for_exception(request, BadRequest("what was sent cannot be stored"))


def _refuse_nul(request: HttpRequest) -> None:
    if "\0" in request.path_info:
        raise Http404
    cookies = request.COOKIES.values()
    if "%00" in request.META["QUERY_STRING"] or any("\0" in value for value in cookies):
        raise BadRequest("a NUL was sent")


def _is_unstorable(error: Exception) -> bool:
    if isinstance(error, ValueError) and not isinstance(error, UnicodeEncodeError):
        # Of a number with more than 4,300 digits in JSON, and of a row's number that is none.
        return str(error).startswith(("Exceeds the limit", "Field 'id' expected a number"))
    return isinstance(error, DataError | UnicodeEncodeError)
