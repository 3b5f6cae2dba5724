from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from carts.operations import register_claim
        from orders.claiming import claim_orders

        register_claim(claim_orders)
