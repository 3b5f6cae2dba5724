"""What changed the stock of SKUs, and what buyers have of them."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from products.models.goods import Sku


class StockReason(models.TextChoices):
    """Why the staff changed a stock."""

    INITIAL = "initial", _("First stock")
    DELIVERY = "delivery", _("Delivery")
    RETURN = "return", _("Returned by a customer")
    COUNT = "count", _("Stocktaking")
    DAMAGE = "damage", _("Damaged or lost")
    CORRECTION = "correction", _("Correction of a mistake")
    OTHER = "other", _("Something else")


class StockChange(models.Model):
    """A change of a SKU's stock by staff or a program; sales and cancellations are in the orders.

    Written by `products.stock` only; the database refuses to change or remove one. `actor` is
    "staff:<user id>" or "key:<name of a service key>".
    """

    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        related_name="stock_changes",
        db_index=False,
        verbose_name=_("SKU"),
    )
    before = models.BigIntegerField(_("stock before"))
    after = models.BigIntegerField(_("stock after"))
    reason = models.CharField(_("reason"), max_length=10, choices=StockReason.choices)
    note = models.CharField(_("note"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("time"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("stock change")
        verbose_name_plural = _("stock changes")
        constraints = (
            models.CheckConstraint(
                name="stockchange_not_negative", condition=Q(before__gte=0, after__gte=0)
            ),
            models.CheckConstraint(
                name="stockchange_reason_known", condition=Q(reason__in=StockReason.values)
            ),
        )
        indexes = (
            models.Index(F("sku"), F("id").desc(), name="stockchange_of_sku"),
            models.Index(fields=("at",), name="stockchange_at"),
        )

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class PurchaseTally(models.Model):
    """How many units of a SKU a buyer has in orders that are not cancelled.

    `buyer` is "user:<id>", "guest:<id>" or "contact:<hash>". A guest's units are in the latter two.
    Only `products.stock` writes here.
    """

    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        related_name="tallies",
        db_index=False,
        verbose_name=_("SKU"),
    )
    buyer = models.CharField(_("buyer"), max_length=140)
    units = models.IntegerField(_("units"))

    class Meta:
        verbose_name = _("purchase tally")
        verbose_name_plural = _("purchase tallies")
        constraints = (
            models.UniqueConstraint(fields=("sku", "buyer"), name="tally_of_sku_and_buyer"),
            models.CheckConstraint(name="tally_units_not_negative", condition=Q(units__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.units}"
