"""What the admin's pages may load and run: their own host's files.

The theme's scripts are written into its pages, and evaluate what stands in attributes, so both are
allowed; product images may lie anywhere.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

ADMIN_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: https: http:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class AdminPolicyMiddleware:
    """Give every answer under /admin/ the policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            response["Content-Security-Policy"] = ADMIN_POLICY
        return response
