"""The request as the WSGI server hands it over, before any middleware could refuse it."""

from typing import Any

from django.core.handlers.wsgi import WSGIRequest


class UTF8Request(WSGIRequest):
    """A request in UTF-8, whatever charset its Content-Type claims.

    For an unknown charset Django raises an error outside of all middleware. By a known one, such as
    rot13, it decodes query strings.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type = meta.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        self.content_params = {}
