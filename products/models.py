"""The catalogue: merchants, products, their SKUs, and what each SKU was at every revision."""

from cuid2 import create_id
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from products.bounds import ID_PATTERN, MAX_PRICE, MAX_STOCK
from products.fields import (
    HasOtherThanTexts,
    JSONType,
    OrderedJSONField,
    validate_attributes,
    validate_id,
    validate_image_urls,
)

_ID_LENGTH = 32


class Merchant(models.Model):
    """Who sells."""

    id = models.CharField(
        primary_key=True, max_length=_ID_LENGTH, default=create_id, editable=False
    )
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ("name", "id")
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")

    def __str__(self) -> str:
        return self.name


class ShelfStatus(models.IntegerChoices):
    """Whether customers may see and buy a product."""

    OFF = 0, _("Off shelf")
    ON = 1, _("On shelf")


# Of listings; without a parameter, so that an index under this condition serves any plan.
_LISTED = Q(is_shown=True, lowest_price__isnull=False)


class Product(models.Model):
    """What is sold, in one or several SKUs. Its name and first image go into their revisions."""

    id = models.CharField(
        primary_key=True,
        max_length=_ID_LENGTH,
        default=create_id,
        editable=False,
        validators=[validate_id],
    )
    merchant = models.ForeignKey(
        Merchant,
        models.PROTECT,
        related_name="products",
        db_index=False,
        verbose_name=_("merchant"),
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    images = models.JSONField(
        _("images"),
        blank=True,
        default=list,
        validators=[validate_image_urls],
        help_text=_("A JSON list of URLs or absolute paths; the first one is shown in carts."),
    )
    status = models.SmallIntegerField(
        _("status"), choices=ShelfStatus.choices, default=ShelfStatus.ON
    )
    is_deleted = models.BooleanField(_("deleted"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = (
            models.CheckConstraint(
                name="product_status_known", condition=Q(status__in=ShelfStatus.values)
            ),
            models.CheckConstraint(
                name="product_images_are_a_list",
                condition=Exact(JSONType(F("images")), Value("array")),
            ),
            models.CheckConstraint(
                name="product_images_are_texts",
                condition=Exact(HasOtherThanTexts(F("images"), members="$[*]"), Value(False)),
            ),
            models.CheckConstraint(name="product_id_plain", condition=Q(id__regex=ID_PATTERN)),
        )

    def __str__(self) -> str:
        return self.name


class ListingQuerySet(models.QuerySet["ProductListing"]):
    """Listings as the storefront looks for them."""

    def listed(self) -> "ListingQuerySet":
        """Keep what the storefront shows: on shelf, not deleted, with an active SKU."""
        return self.filter(_LISTED)


class ProductListing(models.Model):
    """What lists of products are filtered, sorted and searched by: a row for each product.

    The database's triggers renew it with every change of products and SKUs, and ignore what
    anybody else writes to it. `lowest_price` and `in_stock` are those of active
    SKUs, None and False without one. `search` is name and description in capitals, `grams` the
    pairs of letters in it.
    """

    product = models.OneToOneField(
        Product,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="listing",
        verbose_name=_("product"),
    )
    merchant_id = models.CharField(max_length=_ID_LENGTH)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    is_shown = models.BooleanField()
    lowest_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    in_stock = models.BooleanField()
    search = models.TextField()
    grams = SearchVectorField()

    objects = ListingQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        # With any filter, a page at any depth is found in one of these without reading a row.
        indexes = (
            *(
                models.Index(
                    fields=(column, "product"),
                    name=f"listing_by_{name}",
                    condition=_LISTED,
                    include=("merchant_id", "in_stock"),
                )
                for name, column in (
                    ("age", "created_at"),
                    ("name", "name"),
                    ("price", "lowest_price"),
                )
            ),
            models.Index(
                fields=("merchant_id", "created_at", "product"),
                name="listing_of_merchant",
                condition=_LISTED,
                include=("in_stock",),
            ),
            GinIndex("grams", name="listing_search", condition=_LISTED, fastupdate=False),
        )

    def __str__(self) -> str:
        return self.name


class SkuQuerySet(models.QuerySet["Sku"]):
    """SKUs as the storefront looks for them."""

    def active(self) -> "SkuQuerySet":
        """Keep what is neither inactive nor deleted; its product may still be off shelf."""
        return self.filter(is_active=True, is_deleted=False)


class Sku(models.Model):
    """One buyable variant of a product, with its own price and stock.

    `revision` is the number of the current SkuRevision. The database's triggers set it, and ignore
    what anybody else writes to it, so a stale copy in memory can do no harm. They also keep three
    columns that are no fields: `card`, `product_status` and `product_is_deleted`, a copy of what
    carts show of the product and its merchant (see the migration `sku_cards`).
    """

    id = models.CharField(
        primary_key=True,
        max_length=_ID_LENGTH,
        default=create_id,
        editable=False,
        validators=[validate_id],
    )
    product = models.ForeignKey(
        Product,
        models.PROTECT,
        related_name="skus",
        db_index=False,
        verbose_name=_("product"),
    )
    code = models.CharField(_("code"), max_length=64, unique=True)
    attributes = OrderedJSONField(
        _("attributes"),
        blank=True,
        default=dict,
        validators=[validate_attributes],
        help_text=_('What tells it from its siblings, such as {"颜色": "白"}.'),
    )
    price = models.DecimalField(
        _("price"),
        max_digits=12,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PRICE)],
    )
    original_price = models.DecimalField(
        _("original price"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PRICE)],
        help_text=_("Shown struck through beside the price."),
    )
    # Wide enough for all that orders may give back to what the staff may set.
    stock = models.BigIntegerField(
        _("stock"),
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_STOCK)],
    )
    purchase_limit = models.IntegerField(
        _("purchase limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The most units one buyer may ever buy; empty for no limit."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_deleted = models.BooleanField(_("deleted"), default=False)
    revision = models.BigIntegerField(_("revision"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = SkuQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        permissions = (("adjust_stock", "Can adjust stock"),)
        constraints = (
            models.CheckConstraint(name="sku_stock_not_negative", condition=Q(stock__gte=0)),
            models.CheckConstraint(name="sku_price_not_negative", condition=Q(price__gte=0)),
            models.CheckConstraint(
                name="sku_original_price_not_negative",
                condition=Q(original_price__isnull=True) | Q(original_price__gte=0),
            ),
            models.CheckConstraint(
                name="sku_purchase_limit_positive",
                condition=Q(purchase_limit__isnull=True) | Q(purchase_limit__gt=0),
            ),
            models.CheckConstraint(
                name="sku_attributes_are_an_object",
                condition=Exact(JSONType(F("attributes")), Value("object")),
            ),
            models.CheckConstraint(
                name="sku_attributes_are_texts",
                condition=Exact(HasOtherThanTexts(F("attributes"), members="$.*"), Value(False)),
            ),
            models.CheckConstraint(name="sku_id_plain", condition=Q(id__regex=ID_PATTERN)),
            models.CheckConstraint(name="sku_price_bounded", condition=Q(price__lte=MAX_PRICE)),
            models.CheckConstraint(
                name="sku_original_price_bounded",
                condition=Q(original_price__isnull=True) | Q(original_price__lte=MAX_PRICE),
            ),
        )
        # Stock is in no index, so that a sale is a HOT update.
        indexes = (models.Index(fields=("product", "price"), name="sku_of_product"),)

    def __str__(self) -> str:
        return self.code


class SkuRevision(models.Model):
    """What a SKU was called, looked like and cost from `created_at` on.

    The database's triggers append one whenever that changes, also by raw SQL. Nothing changes or
    removes one.
    """

    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        related_name="revisions",
        db_index=False,
        verbose_name=_("SKU"),
    )
    name = models.CharField(_("name"), max_length=200)
    image = models.TextField(_("image"), blank=True)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        ordering = ("-id",)
        verbose_name = _("SKU revision")
        verbose_name_plural = _("SKU revisions")
        indexes = (models.Index(F("sku"), F("id").desc(), name="skurevision_of_sku"),)

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


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
    """A change of a SKU's stock by the staff; sales and cancellations are in the orders.

    Written by `products.stock` only; the database refuses to change or remove one. `actor` is
    "staff:<user id>".
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

    `buyer` is "user:<id>", "guest:<id>", or "contact:<hash>" of a guest, whose units are in both.
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
