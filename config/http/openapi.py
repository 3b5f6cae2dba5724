"""What every endpoint's documentation needs: the envelope around its data, its errors, headers."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    inline_serializer,
)
from rest_framework import serializers

from config.http.errors import STATUSES

_TIME = "2026-01-02T03:04:05.678Z"

GUEST_ID_HEADER = OpenApiParameter(
    "X-Guest-ID",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$"},
    OpenApiParameter.HEADER,
    description="The guest whose cart is meant; ignored where a bearer token is sent.",
)
IDEMPOTENCY_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,128}$"},
    OpenApiParameter.HEADER,
    description="Makes a retry safe for 24 hours: a repeat gets the first answer again.",
)
IF_MATCH_HEADER = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the cart this change is meant for; 412 if the cart has moved on.",
)
IF_NONE_MATCH_HEADER = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the copy at hand; 304 if it is still what would be answered.",
)


def document_answer(
    data: Any, *, name: str, message: str = "Success", example: Any = None, description: str = ""
) -> OpenApiResponse:
    """Describe a 200: `data` is a serializer or field instance; `name` names the envelope."""
    examples = []
    if example is not None:
        value = {
            "code": 200,
            "message": message,
            "data": example,
            "success": True,
            "timestamp": _TIME,
        }
        examples.append(OpenApiExample(name, value=value, response_only=True))
    return OpenApiResponse(
        inline_serializer(f"{name}Envelope", _envelope_fields(data)),
        description=description or message,
        examples=examples,
    )


def document_errors(*codes: str) -> dict[int, OpenApiResponse]:
    """Describe failures by their slugs, grouped by status. 405, 413 and 500 belong to all."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, "method_not_allowed", "internal_error"):
        by_status.setdefault(STATUSES[code], []).append(code)
    return {
        status: OpenApiResponse(
            ErrorEnvelope,
            description=", ".join(f"`{slug}`" for slug in sorted(set(slugs))),
        )
        for status, slugs in sorted(by_status.items())
    }


class ErrorSerializer(serializers.Serializer[Any]):
    """What went wrong: a stable slug for programs, and fields that depend on it."""

    type = serializers.CharField(help_text="Stable slug, for instance `insufficient_stock`.")


class ErrorEnvelope(serializers.Serializer[Any]):
    """Any failure."""

    code = serializers.IntegerField(help_text="The HTTP status.")
    message = serializers.CharField(help_text="For people.")
    data = serializers.JSONField(allow_null=True)  # type: ignore[assignment]
    success = serializers.BooleanField(default=False)
    timestamp = serializers.DateTimeField()
    error = ErrorSerializer()


def _envelope_fields(data: Any) -> dict[str, Any]:
    return {
        "code": serializers.IntegerField(default=200),
        "message": serializers.CharField(),
        "data": data if data is not None else serializers.JSONField(allow_null=True),
        "success": serializers.BooleanField(default=True),
        "timestamp": serializers.DateTimeField(),
    }
