"""The one shape of every answer: code, message, data, success, timestamp, and error on failures."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# The greatest amount of money, in cents. Above it neighbouring doubles are more than half a cent
# apart, so that two amounts may read as one JSON number.
MAX_CENTS = 2**46 * 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def format_time(moment: datetime) -> str:
    """Return an aware time as ISO-8601 UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


# The lines of a cart that is read again have the times they had before. About 200 bytes each in
# every worker process.
@lru_cache(maxsize=8192)
def format_time_ms(milliseconds: int) -> str:
    """Return a time given in milliseconds since the epoch as ISO-8601 UTC with milliseconds."""
    return format_time(_EPOCH + timedelta(milliseconds=milliseconds))


def render_money(cents: int) -> float:
    """Return cents as the JSON number with at most two decimals that reads the same."""
    return cents / 100


def camel_case(name: str) -> str:
    """Return the name that a field with this Python name has in JSON."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


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
