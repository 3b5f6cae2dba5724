"""Request bodies: JSON read strictly, so that two readers never disagree about what was sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, ClassVar

import orjson
from django.conf import settings
from django.http import HttpRequest, RawPostDataException, UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from config.errors import ServiceError

# A text, which may hold brackets, and may lack its closing quote.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


@dataclass(eq=False)
class BodyTooLarge(ServiceError):
    """The body is over `max_bytes`."""

    code: ClassVar[str] = "body_too_large"
    message: ClassVar[str] = "Request body is too large"

    max_bytes: int


@dataclass(eq=False)
class LengthRequired(ServiceError):
    """The body has no length, so this server would take it for an empty one."""

    code: ClassVar[str] = "length_required"
    message: ClassVar[str] = "Content-Length is required"


@dataclass(eq=False)
class UnknownEncoding(ServiceError):
    """The body is compressed."""

    code: ClassVar[str] = "unsupported_media_type"
    message: ClassVar[str] = "Unsupported content encoding"


@dataclass(eq=False)
class UnreadableBody(ServiceError):
    """The body ended too soon, or is not encoded as it says."""

    code: ClassVar[str] = "bad_request"
    message: ClassVar[str] = "The request body could not be read"


@dataclass(eq=False)
class NotAnObject(ServiceError):
    """The body is JSON, but not an object."""

    code: ClassVar[str] = "invalid_body"
    message: ClassVar[str] = "The request body must be a JSON object"


def find_body_limit(method: str | None, path: str) -> int:
    """Return how many bytes such a request may send."""
    if method == "PUT" and path.startswith("/api/catalogue/"):
        return settings.MAX_CATALOGUE_BODY_BYTES
    is_api = path.startswith("/api/")
    return settings.MAX_BODY_BYTES if is_api else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def check_body(request: HttpRequest) -> None:
    """Raise BodyTooLarge, LengthRequired or UnknownEncoding for a body that cannot be read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    # `config.server` has read every body and knows its length; other servers may not.
    if not length.isdecimal() or "HTTP_TRANSFER_ENCODING" in request.META:
        raise LengthRequired
    limit = find_body_limit(request.method, request.path_info)
    if int(length) > limit:
        raise BodyTooLarge(max_bytes=limit)
    if int(length) and request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnknownEncoding


class StrictJSONParser(BaseParser):
    """Parse UTF-8 JSON, as long as `find_body_limit` allows.

    Duplicate keys, NaN, infinities, lone surrogates, NUL characters and nesting deeper than 32 are
    refused. An empty body is an empty object.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]
        limit = find_body_limit(request.method, request.path_info)
        try:
            body = stream.read(limit + 1)
        except (UnreadablePostError, RawPostDataException) as error:
            raise ParseError("The request body could not be read") from error
        if len(body) > limit:
            raise BodyTooLarge(max_bytes=limit)
        return parse_json(body) if body.strip() else {}


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text; raises ParseError in every case named above."""
    if b"\\u0000" in body:
        raise ParseError("Malformed JSON: NUL characters are not allowed")
    if _is_nested_deeper_than(32, body):
        raise ParseError("Malformed JSON: nested too deeply")
    try:
        # orjson checks encoding, surrogates and numbers; only the standard library sees
        # duplicate keys.
        orjson.loads(body)
        return json.loads(body, object_pairs_hook=_refuse_duplicates)
    except ValueError as error:
        raise ParseError(f"Malformed JSON: {error}") from error


def read_object(request: Request) -> dict[str, Any]:
    """Return the body of the request, which must be a JSON object."""
    data = request.data
    if not isinstance(data, dict):
        raise NotAnObject
    return data


def _is_nested_deeper_than(limit: int, body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _TEXT.sub(b"", body).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value
