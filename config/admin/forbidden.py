"""The page for staff without the permission for the page they asked for."""

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from config.shop import views


def show_forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer staff in the admin with an admin page, and everybody else with a page of the shop."""
    if not request.path_info.startswith("/admin/") or not admin.site.has_permission(request):
        return views.show_forbidden(request)
    context = {**admin.site.each_context(request), "title": _("No access")}
    return TemplateResponse(request, "admin/forbidden.html", context, status=403)
