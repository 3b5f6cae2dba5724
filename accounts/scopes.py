"""What service keys may do."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """What a service key may do."""

    CATALOGUE_READ = "catalogue:read", _("Read the catalogue")
    CATALOGUE_WRITE = "catalogue:write", _("Write products and prices")
    STOCK_WRITE = "stock:write", _("Write stocks")
    ORDERS_READ = "orders:read", _("Read orders")
    ORDERS_WRITE = "orders:write", _("Ship, complete, cancel and refund orders")
    PROMOTIONS_WRITE = "promotions:write", _("Write promotions")
