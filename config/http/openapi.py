"""What every endpoint's documentation needs: the envelope around its data, its errors, headers."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.functional import lazy
from drf_spectacular.drainage import set_override
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import exceptions, serializers

from config.errors import InvalidField
from config.http.envelope import answer as envelop
from config.http.errors import (
    STATUSES,
    DatabaseBusy,
    DatabaseUnavailable,
    InternalError,
    Overloaded,
    RequestTimedOut,
    handle_api_exception,
)
from config.http.idempotency import (
    KEY_PATTERN,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    RequestInProgress,
    TooManyIdempotencyKeys,
)
from config.http.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from config.http.parsing import BodyTooLarge, NotAnObject
from config.http.ratelimit import RateLimited, RateLimiterUnavailable
from config.notation import GUEST_ID_PATTERN

EXAMPLE_TIME = "2026-01-02T03:04:05.678Z"


def _fill(text: str) -> str:
    return text.format(settings=settings)


# Takes a text that names settings, such as "{settings.IDEMPOTENCY_HOURS}", and fills them in when
# the documentation is made.
name_settings = lazy(_fill, str)

_header = partial(OpenApiParameter, location=OpenApiParameter.HEADER)
GUEST_ID_HEADER = _header(
    "X-Guest-ID",
    {"type": "string", "pattern": f"^{GUEST_ID_PATTERN}$"},
    description="The guest whose cart is meant; ignored where a bearer token is sent.",
)
IDEMPOTENCY_KEY_HEADER = _header(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
    description=name_settings(
        "Makes a retry safe for {settings.IDEMPOTENCY_HOURS} hours: a repeat does nothing, and is "
        "told what came of the first request; a cart is shown as it is now, an order as it was "
        "answered. A key belongs to one owner and one call: the same key on another call is "
        "another request, the same call with another body is refused (422)."
    ),
)
REPLAYED_HEADER = _header(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    description="The request came before with this Idempotency-Key; this is what came of it.",
    response=[200, 400, 404, 409],
)
IF_MATCH_HEADER = _header(
    "If-Match",
    description="The ETag of the cart this change is meant for; 412 if the cart has moved on.",
)
IF_NONE_MATCH_HEADER = _header(
    "If-None-Match",
    description="The ETag of the copy at hand; 304 if it is still what would be answered.",
)
ETAG_HEADER = _header(
    "ETag",
    description="Names this state of the cart, for If-Match and If-None-Match.",
    response=[200, 304, 412],
)

# What can be wrong with a body before anybody reads what it says.
BODY_ERRORS = (
    "body_too_large",
    "invalid_body",
    "malformed_json",
    "request_timeout",
    "unsupported_media_type",
)
# What can be wrong with an Idempotency-Key.
KEY_ERRORS = (
    InvalidIdempotencyKey(),
    IdempotencyKeyReused(),
    RequestInProgress(),
    TooManyIdempotencyKeys(retry_after_seconds=1_740),
)
PAGE_PARAMETERS = (
    OpenApiParameter("page", {"type": "integer", "minimum": 1, "default": 1}),
    OpenApiParameter(
        "pageSize",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
    ),
)


class PageSerializer(serializers.Serializer[Any]):
    """One page of a list, whose `items` the subclass describes."""

    total = serializers.IntegerField(min_value=0, help_text="How many there are on all pages.")
    page = serializers.IntegerField(min_value=1)
    pageSize = serializers.IntegerField(min_value=1, max_value=MAX_PAGE_SIZE)  # noqa: N815


def document_call(
    *,
    answer: OpenApiResponse,
    failures: Iterable[str | Exception] = (),
    refused: Mapping[str, Any] | None = None,
    bodies: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[Any], Any]:
    """Describe a call: its 200, its failures, and examples of its body by name.

    `refused` and `failures` are as in `document_errors`, the other options as in `extend_schema`.
    """
    return extend_schema(
        responses={200: answer, **document_errors(*failures, data=refused)},
        examples=[
            OpenApiExample(name, value, request_only=True) for name, value in (bodies or {}).items()
        ],
        **options,
    )


def document_answer(
    data: Any, *, name: str, message: str = "Success", example: Any = None, description: str = ""
) -> OpenApiResponse:
    """Describe a 200: `data` is a serializer or field instance; `name` names the envelope.

    The same name must always come with the same kind of data.
    """
    examples = []
    if example is not None:
        value = _read_envelope(envelop(example, message=message))
        examples.append(OpenApiExample(name, value, response_only=True))
    return OpenApiResponse(_wrap(data, name), description=description or message, examples=examples)


def document_errors(
    *failures: str | Exception, data: Mapping[str, Any] | None = None
) -> dict[int, OpenApiResponse]:
    """Describe failures by status: each a slug of `STATUSES`, or an error to be shown as example.

    Every call has 405, 500 and the 503 of an overloaded server. `data` gives, by slug, what
    failures carry in that member.
    """
    shown: dict[int, dict[str, Any]] = {}
    for failure in (*failures, "method_not_allowed", "internal_error", "overloaded"):
        if isinstance(failure, str):
            shown.setdefault(STATUSES[failure], {}).setdefault(failure, _sample(failure))
        else:
            envelope = _answer_to(failure)
            slug = envelope["error"]["type"]
            envelope["data"] = (data or {}).get(slug)
            shown.setdefault(envelope["code"], {})[slug] = envelope
    return {
        status: OpenApiResponse(
            _describe_failures(status, envelopes.keys()),
            description=", ".join(f"`{slug}`" for slug in sorted(envelopes)),
            examples=[
                OpenApiExample(slug, envelope, response_only=True)
                for slug, envelope in envelopes.items()
                if envelope is not None
            ],
        )
        for status, envelopes in sorted(shown.items())
    }


def document_refusal(
    error: Exception, *, data: Any, name: str, example: Any
) -> dict[int, OpenApiResponse]:
    """Describe a failure that carries data; `name` names its envelope."""
    envelope = _answer_to(error) | {"data": example}
    slug = envelope["error"]["type"]
    response = OpenApiResponse(
        _wrap(data, name, error=ErrorSerializer()),
        description=f"`{slug}`",
        examples=[OpenApiExample(slug, envelope, response_only=True)],
    )
    return {envelope["code"]: response}


def complete_schema(
    result: dict[str, Any], generator: object, request: object, public: object
) -> dict[str, Any]:
    """Add to the generated schema what holds for every endpoint; a drf-spectacular hook.

    Response headers by status, the envelope of failures, the guest id as a way to say who one is,
    and X-Request-ID.
    """
    components = result["components"]
    components["schemas"]["ErrorEnvelope"] = _ERROR_ENVELOPE
    components["securitySchemes"]["guest"] = _GUEST_SCHEME
    components["headers"] = _HEADERS
    components["parameters"] = {"RequestId": _REQUEST_ID_PARAMETER}
    for operation in _operations(result):
        parameters = operation.setdefault("parameters", [])
        takes_guests = any(each.get("name") == GUEST_ID_HEADER.name for each in parameters)
        if takes_guests and operation.get("security"):
            operation["security"] = [*operation["security"], {"guest": []}]
        parameters.append({"$ref": "#/components/parameters/RequestId"})
        for status, response in operation["responses"].items():
            for name in ("X-Request-ID", *_HEADERS_BY_STATUS.get(status, ())):
                reference = {"$ref": f"#/components/headers/{name}"}
                response.setdefault("headers", {})[name] = reference
    return result


class Schema(AutoSchema):
    """Describes bodies of DELETE, too, and takes a call's text from the call, not from its view."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""

    def _get_request_body(self, direction: str = "request") -> Any:
        method = self.method
        # The base class leaves out the body of a DELETE, documented or not.
        self.method = "POST" if method == "DELETE" else method
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method


class ErrorSerializer(serializers.Serializer[Any]):
    """What went wrong: a stable slug for programs, and fields that depend on it."""

    type = serializers.CharField(help_text="Stable slug, for instance `insufficient_stock`.")


_ERROR_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "description": "Any failure. `error.type` is for programs, `message` for people.",
    "required": ["code", "message", "data", "success", "timestamp", "error"],
    "properties": {
        "code": {"type": "integer", "description": "The HTTP status."},
        "message": {"type": "string"},
        "data": {"nullable": True},
        "success": {"type": "boolean", "enum": [False]},
        "timestamp": {"type": "string", "format": "date-time"},
        "error": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string"}},
            "additionalProperties": {},
        },
    },
}

_GUEST_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": GUEST_ID_HEADER.name,
    "description": "A guest's id: the client's own, or one of POST /api/auth/guest. A secret.",
}

_REQUEST_ID_PARAMETER = {
    "in": "header",
    "name": "X-Request-ID",
    "schema": {"type": "string"},
    "description": "Names the request in logs; anything but 1 to 64 of A-Z a-z 0-9 _ . - is "
    "replaced.",
}

_HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "The request's name in logs: the one sent, or a new one.",
        "schema": {"type": "string"},
        "required": True,
    },
    "Retry-After": {
        "description": "Seconds after which another attempt is worth it.",
        "schema": {"type": "integer", "minimum": 1},
        "required": True,
    },
    "WWW-Authenticate": {"schema": {"type": "string"}, "required": True},
    "Allow": {
        "description": "The methods this address knows.",
        "schema": {"type": "string"},
        "required": True,
    },
}
_HEADERS_BY_STATUS = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}

_envelopes: dict[str, serializers.Serializer[Any]] = {}


def _wrap(data: Any, name: str, **members: Any) -> serializers.Serializer[Any]:
    """Return the one serializer of this envelope; two of the same name would be two components."""
    if name not in _envelopes:
        fields = {
            "code": serializers.IntegerField(help_text="The HTTP status."),
            "message": serializers.CharField(help_text="For people."),
            "data": data if data is not None else serializers.JSONField(allow_null=True),
            "success": serializers.BooleanField(),
            "timestamp": serializers.DateTimeField(),
        }
        serializer = inline_serializer(f"{name}Envelope", fields | members)
        # An action called list does not make the envelope a list.
        set_override(serializer, "many", False)
        _envelopes[name] = serializer
    return _envelopes[name]


def _answer_to(error: Exception) -> Any:
    """Return the API's answer to this error, at a fixed time."""
    response = handle_api_exception(error, {})
    if response is None:
        raise ValueError(f"no answer to {error!r}")
    return _read_envelope(response)


def _read_envelope(response: HttpResponse) -> Any:
    return json.loads(response.content) | {"timestamp": EXAMPLE_TIME}


def _sample(slug: str) -> Any:
    """Return an envelope of this slug, or None if the caller shows one."""
    return _answer_to(_SAMPLES[slug]) if slug in _SAMPLES else None


# What stands for a failure that is documented by its slug.
_SAMPLES: dict[str, Exception] = {
    "body_too_large": BodyTooLarge(max_bytes=64 * 1024),
    "database_busy": DatabaseBusy(),
    "database_unavailable": DatabaseUnavailable(),
    "internal_error": InternalError(),
    "invalid_body": NotAnObject(),
    "invalid_field": InvalidField(field="page", reason="must be a whole number"),
    "malformed_json": exceptions.ParseError("Malformed JSON: duplicate key"),
    "method_not_allowed": exceptions.MethodNotAllowed("PATCH"),
    "not_authenticated": exceptions.NotAuthenticated(),
    "not_found": Http404(),
    "overloaded": Overloaded(),
    "rate_limited": RateLimited(retry_after_seconds=30),
    "rate_limiter_unavailable": RateLimiterUnavailable(),
    "request_timeout": RequestTimedOut(),
    "token_not_valid": exceptions.AuthenticationFailed(
        "Token is invalid or expired", "token_not_valid"
    ),
    "unsupported_media_type": exceptions.UnsupportedMediaType("text/plain"),
}


def _describe_failures(status: int, slugs: Iterable[str]) -> Mapping[str, Any]:
    slug = {"type": "string", "enum": sorted(slugs)}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/ErrorEnvelope"},
            {
                "type": "object",
                "properties": {
                    "code": {"type": "integer", "enum": [status]},
                    "error": {"type": "object", "properties": {"type": slug}},
                },
            },
        ]
    }


def _operations(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                yield operation
