import sys

from django.apps import AppConfig
from django.conf import settings

from config.checks import find_production_faults


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Every way to start passes here: manage.py, the web server and Celery.
        if settings.IS_PRODUCTION and (faults := find_production_faults()):
            sys.exit(f"Cartwright does not start in production like this: {' '.join(faults)}")
