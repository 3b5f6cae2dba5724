"""What requests pass: a record of each, a check of the API's bodies, the site's own middleware."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, DisallowedHost
from django.core.handlers.exception import convert_exception_to_response, response_for_exception
from django.db import DataError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import translation
from django.utils.module_loading import import_string

from config.errors import ServiceError
from config.http.envelope import refuse
from config.http.errors import InternalError, handle_api_exception, refuse_service_error
from config.http.parsing import check_body
from config.http.recording import begin_request, record_request

logger = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]

# Probes call by IP address, which is no allowed host name, and they need no session.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_NO_BODY = frozenset({None, "", "0"})


class RequestMiddleware:
    """Name and record each request. This middleware is the first, so that none goes unseen.

    What goes wrong under /api is answered in the envelope.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = perf_counter()
        name = begin_request(request)
        # A thread keeps the language of its last request. The API speaks English; for pages, the
        # site's middleware chooses another later.
        translation.activate(settings.LANGUAGE_CODE)
        response = self._respond(request)
        response["X-Request-ID"] = name
        record_request(request, response.status_code, perf_counter() - begun)
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
        if _is_api(request):
            return _answer_failure(request, error)
        if _is_unstorable(error):
            return response_for_exception(request, BadRequest("what was sent cannot be stored"))
        return None


class SiteMiddleware:
    """Lead pages through SITE_MIDDLEWARE, which API calls and probes do not need.

    The API has no session, no CSRF token and no messages. An API call whose body cannot be read is
    refused before a view could act without the body.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self._site: Any = get_response
        for name in reversed(settings.SITE_MIDDLEWARE):
            middleware = import_string(name)(self._site)
            if isinstance(middleware, CsrfViewMiddleware):
                # Django calls `process_view` between finding a view and calling it.
                self.process_view = middleware.process_view
            self._site = convert_exception_to_response(middleware)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in _PROBES:
            return self.get_response(request)
        if not _is_api(request):
            return self._site(request)  # type: ignore[no-any-return]
        meta = request.META
        if meta.get("CONTENT_LENGTH") not in _NO_BODY or "HTTP_TRANSFER_ENCODING" in meta:
            try:
                check_body(request)
            except ServiceError as error:
                return refuse_service_error(error)
        return self.get_response(request)


def refuse_nul(get_response: Handler) -> Handler:
    """Refuse a request for a page that holds a NUL, which the database cannot take.

    Whatever else the database cannot take, such as a number beyond any column or a NUL in a form,
    is refused once the database has refused it. The API names the field by itself.
    """

    def respond(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info:
            raise Http404
        cookies = request.COOKIES.values()
        if "%00" in request.META["QUERY_STRING"] or any("\0" in value for value in cookies):
            raise BadRequest("a NUL was sent")
        return get_response(request)

    return respond


def _is_api(request: HttpRequest) -> bool:
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def _envelop(response: HttpResponseBase) -> HttpResponseBase:
    status = HTTPStatus(response.status_code)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return refuse_service_error(InternalError())
    message = "Not found" if status == HTTPStatus.NOT_FOUND else status.phrase
    headers = {"Allow": response["Allow"]} if "Allow" in response else None
    return refuse(
        status=status, message=message, error={"type": status.name.lower()}, headers=headers
    )


def _answer_failure(request: HttpRequest, error: Exception) -> HttpResponseBase:
    known = handle_api_exception(error, {})
    if known is not None:
        return known
    logger.error("unhandled error on %s %s", request.method, request.path, exc_info=error)
    return refuse_service_error(InternalError())


def _is_unstorable(error: Exception) -> bool:
    if isinstance(error, ValueError) and not isinstance(error, UnicodeEncodeError):
        # Raised for a JSON number of more than 4,300 digits, and for a row's id that is no number.
        return str(error).startswith(("Exceeds the limit", "Field 'id' expected a number"))
    return isinstance(error, DataError | UnicodeEncodeError)
