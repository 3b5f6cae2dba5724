"""The WSGI environ of a request that was read in full."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

# The body has been read, so its announced length and its encoding mean nothing any more.
_LEFT_OUT = frozenset({b"content-length", b"transfer-encoding"})
_FIXED: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


def build_environ(scope: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return the environ of an ASGI request with this body.

    The values of a header that is sent more than once are joined by commas, as HTTP says, so an id
    or a token sent twice is not valid. A name with an underscore would become the same as with a
    hyphen, so such headers are left out.
    """
    server, client = scope["server"], scope["client"]
    environ = _FIXED | {
        "CONTENT_LENGTH": str(len(body)),
        "PATH_INFO": _decode_path(scope["raw_path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": client[0],
        "REQUEST_METHOD": scope["method"],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": scope["scheme"],
    }
    for name, value in scope["headers"]:
        key = _name_variable(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


def _decode_path(raw: bytes) -> str:
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")


# Most clients use a few names, but one may invent any number, so the cache is bounded.
@lru_cache(maxsize=256)
def _name_variable(header: bytes) -> str | None:
    """Return the variable that a header goes into, None for a header that is left out."""
    if b"_" in header or header in _LEFT_OUT:
        return None
    variable = header.decode("latin-1").upper().replace("-", "_")
    return variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"
