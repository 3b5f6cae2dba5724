"""How expected failures become answers: one table of statuses, one exception handler."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from config.errors import UNAVAILABLE, ServiceError
from config.http.envelope import refuse
from config.stores.database import has_lost_race

logger = logging.getLogger(__name__)

STORE_RETRY_SECONDS = 1

STATUSES: dict[str, int] = {
    # config.http
    "bad_request": 400,
    "body_too_large": 413,
    "database_busy": 503,
    "database_unavailable": 503,
    "idempotency_key_reused": 422,
    "insufficient_scope": 403,
    "internal_error": 500,
    "invalid_body": 400,
    "invalid_field": 400,
    "invalid_host": 400,
    "invalid_idempotency_key": 400,
    "length_required": 411,
    "malformed_json": 400,
    "method_not_allowed": 405,
    "not_authenticated": 401,
    "not_found": 404,
    "overloaded": 503,
    "permission_denied": 403,
    "rate_limited": 429,
    "rate_limiter_unavailable": 503,
    "request_in_progress": 409,
    "request_timeout": 408,
    "token_not_valid": 401,
    "too_many_idempotency_keys": 429,
    "unsupported_media_type": 415,
    # accounts
    "account_exists": 409,
    "invalid_credentials": 401,
    # carts
    "access_denied": 403,
    "batch_failed": 400,
    "cart_changed": 412,
    "cart_full": 400,
    "cart_not_found": 404,
    "cart_store_unavailable": 503,
    "guest_id_required": 400,
    "insufficient_stock": 409,
    "invalid_batch": 400,
    "invalid_guest_id": 400,
    "invalid_product_or_quantity": 400,
    "invalid_quantity": 400,
    "invalid_selection": 400,
    "invalid_strategy": 400,
    "invalid_update": 400,
    "item_not_found": 404,
    "product_id_required": 400,
    "product_not_available": 400,
    "product_not_found": 400,
    "purchase_limit_exceeded": 409,
    "sku_required": 400,
    # orders
    "cart_invalid": 409,
    "checkout_contended": 409,
    "contact_required": 400,
    "invalid_signature": 401,
    "invalid_transition": 409,
    "nothing_selected": 400,
    "order_not_found": 404,
    "payment_event_reused": 409,
    "price_changed": 409,
    "too_many_pending_orders": 409,
}


class RequestTimedOut(ServiceError):
    """The body did not come in time. Nothing has been done."""

    code: ClassVar[str] = "request_timeout"
    message: ClassVar[str] = "The request body did not arrive in time"


class Overloaded(ServiceError):
    """More requests wait than can be served soon. This one has not begun."""

    code: ClassVar[str] = "overloaded"
    message: ClassVar[str] = UNAVAILABLE


class DatabaseUnavailable(ServiceError):
    """The database cannot be reached, does not answer in time, or takes no changes for now."""

    code: ClassVar[str] = "database_unavailable"
    message: ClassVar[str] = UNAVAILABLE


class DatabaseBusy(ServiceError):
    """Others hold the rows that are to be changed."""

    code: ClassVar[str] = "database_busy"
    message: ClassVar[str] = "Others are changing the same, try again"


class InternalError(ServiceError):
    """A bug; the log tells where."""

    code: ClassVar[str] = "internal_error"
    message: ClassVar[str] = "Internal server error"


def refuse_service_error(
    error: ServiceError, *, data: Any = None, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the answer to an expected failure."""
    status = STATUSES[error.code]
    sent = dict(headers or {})
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    if status in {429, 503}:
        sent["Retry-After"] = str(getattr(error, "retry_after_seconds", STORE_RETRY_SECONDS))
    return refuse(
        status=status, message=str(error), error=error.describe(), data=data, headers=sent
    )


def handle_api_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer what a DRF view raised; return None for a bug, which Django then logs as a 500."""
    match error:
        case ServiceError():
            return refuse_service_error(error)
        case exceptions.APIException():
            return _refuse_framework_error(error)
        case Http404():
            return refuse(status=404, message="Not found", error={"type": "not_found"})
        case PermissionDenied():
            return refuse(
                status=403, message="Permission denied", error={"type": "permission_denied"}
            )
        case BadRequest() | SuspiciousOperation():
            return refuse(status=400, message="Bad request", error={"type": "bad_request"})
        case OperationalError() | InterfaceError():
            logger.warning("database unavailable: %s", type(error.__cause__ or error).__name__)
            return refuse_service_error(
                DatabaseBusy() if has_lost_race(error) else DatabaseUnavailable()
            )
    return None


def _refuse_framework_error(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.ValidationError):
        description = {"type": "invalid_field", "fields": error.detail}
        return refuse(status=400, message="Invalid request", error=description)
    status = error.status_code
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        status = 401
        headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or "Bearer"
    is_malformed = isinstance(error, exceptions.ParseError)
    slug = "malformed_json" if is_malformed else str(error.get_codes())
    return refuse(status=status, message=str(error.detail), error={"type": slug}, headers=headers)
