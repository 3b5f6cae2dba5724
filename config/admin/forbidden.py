"""The page for staff who may not see or do what they asked for."""

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from config.shop import views


def show_forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Say so within the admin, with its menu; to anybody else, and elsewhere, as the shop does."""
    if not request.path_info.startswith("/admin/") or not admin.site.has_permission(request):
        return views.show_forbidden(request)
    context = {**admin.site.each_context(request), "title": _("No access")}
    return TemplateResponse(request, "admin/forbidden.html", context, status=403)
