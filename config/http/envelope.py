"""The one shape of every answer: code, message, data, success, timestamp, and error on failures."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from config.notation import format_time


def answer(
    data: Any, *, message: str = "Success", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return a 200 carrying `data`: anything orjson writes, with times already formatted."""
    return _render(
        {"code": 200, "message": message, "data": data, "success": True}, headers=headers
    )


def refuse(
    *,
    status: int,
    message: str,
    error: Mapping[str, Any],
    data: Any = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return a failure. `error` holds its stable slug as `type`, and typed fields."""
    return _render(
        {"code": status, "message": message, "data": data, "success": False, "error": error},
        headers=headers,
    )


def _render(envelope: dict[str, Any], *, headers: Mapping[str, str] | None) -> HttpResponse:
    envelope["timestamp"] = format_time(datetime.now(UTC))
    return HttpResponse(
        orjson.dumps(envelope),
        content_type="application/json",
        status=envelope["code"],
        headers=dict(headers) if headers else None,
    )


class EnvelopeRenderer(BaseRenderer):
    """Write the data of a DRF Response as a successful envelope."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return answer(data).content


class JSONOnlyNegotiation(BaseContentNegotiation):
    """Answer JSON whatever Accept says: there is no other representation to choose."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        declared = (request.content_type or "").partition(";")[0].strip().lower()
        if declared in {"application/json", ""}:
            return next(iter(parsers))
        return None

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
