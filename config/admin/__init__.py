"""The admin's pages that belong to no one app: first page, menu, periodic jobs."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.admin import navigation, schedule

__all__ = ["navigation", "schedule"]

admin.site.index_title = _("Dashboard")
navigation.name_apps()
