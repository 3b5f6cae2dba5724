from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from carts.checks import check_publishing
from carts.metrics import CartCollector
from config.http.metrics import app_registry


class CartsConfig(AppConfig):
    name = "carts"
    verbose_name = _("Carts")

    def ready(self) -> None:
        register(check_publishing)
        app_registry.register(CartCollector())
