"""The schema and its Swagger UI, open to everybody; all files come from this server."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularSwaggerSplitView


@require_safe
def get_schema(request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI schema, as JSON."""
    return HttpResponse(_render_schema(), content_type="application/json")


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI, without any inline script."""

    url_name = "schema"
    authentication_classes = ()


@cache
def _render_schema() -> bytes:
    # Making a schema takes half a second, and gives the same result every time.
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return OpenApiJsonRenderer2().render(schema)
