"""What a page may load and run: files of its own host, but nothing written into the page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]

_PAGES = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    # No text ever becomes HTML or a script, whatever a product's name contains.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
# Swagger UI sanitizes Markdown by way of innerHTML, and its icons are data URLs.
_DOCUMENTATION = {name: rule for name, rule in _PAGES.items() if "trusted-types" not in name} | {
    "img-src": "'self' data:"
}


def _write_policy(rules: dict[str, str]) -> str:
    return "; ".join(f"{name} {rule}" for name, rule in rules.items())


PAGE_POLICY = _write_policy(_PAGES)
DOCUMENTATION_POLICY = _write_policy(_DOCUMENTATION)


def with_policy(policy: str) -> Callable[[View], View]:
    """Make a view answer with this Content-Security-Policy."""

    def decorate(view: View) -> View:
        @wraps(view)
        def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = view(request, *args, **kwargs)
            response["Content-Security-Policy"] = policy
            return response

        return respond

    return decorate
