"""The site's middleware, which Django's own checks look for elsewhere."""

from django.contrib.admin.checks import check_dependencies
from django.core.checks.security.base import check_xframe_options_middleware
from django.core.checks.security.csrf import check_csrf_middleware
from pytest_django import Settings


def test_the_site_has_what_the_silenced_checks_look_for(settings: Settings) -> None:
    settings.MIDDLEWARE = settings.SITE_MIDDLEWARE

    assert check_dependencies() == []
    assert check_csrf_middleware(None) == check_xframe_options_middleware(None) == []
