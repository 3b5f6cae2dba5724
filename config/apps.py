import sys

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from config.celery import app as celery_app
from config.checks import find_faults
from config.schedule import create_missing_jobs
from config.stores.database import bound_waits


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # Every way to start passes here: manage.py, the web server and Celery.
        if faults := find_faults():
            where = " in production" if settings.IS_PRODUCTION else ""
            sys.exit(f"Cartwright does not start{where} like this: {' '.join(faults)}")
        # Tasks belong to this application, whichever thread calls them.
        celery_app.set_default()
        connection_created.connect(bound_waits)
        post_migrate.connect(create_missing_jobs, sender=apps.get_app_config("django_celery_beat"))
