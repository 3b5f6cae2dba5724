"""The WSGI application; `config.server` serves it."""

import os

from django.core.wsgi import get_wsgi_application

from config.serving.requests import UTF8Request

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
application.request_class = UTF8Request
