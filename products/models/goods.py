"""The catalogue: merchants, products, their SKUs, and what each SKU was at every revision."""

from cuid2 import create_id
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from products.bounds import (
    CODE_LENGTH,
    EXTERNAL_ID_LENGTH,
    ID_PATTERN,
    MAX_PRICE,
    MAX_QUANTITY_RULE,
    MAX_STOCK,
    NAME_LENGTH,
)
from products.fields import (
    HasOtherThanObjects,
    HasOtherThanTexts,
    JSONType,
    OrderedJSONField,
    validate_attributes,
    validate_code,
    validate_id,
    validate_image_urls,
    validate_translations,
)

ID_LENGTH = 32


def _external_id() -> "models.CharField[str | None, str | None]":
    """Return the column of the shop's own id: None, or unique among what is not deleted."""
    return models.CharField(
        _("external id"),
        max_length=EXTERNAL_ID_LENGTH,
        null=True,
        blank=True,
        help_text=_("The id in the shop's own system, by which imports find it again."),
    )


class Merchant(models.Model):
    """Who sells."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=create_id, editable=False)
    external_id = _external_id()
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ("name", "id")
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        constraints = (
            models.UniqueConstraint(fields=("external_id",), name="merchant_external_id_unique"),
        )

    def __str__(self) -> str:
        return self.name


class ShelfStatus(models.IntegerChoices):
    """Whether customers may see and buy a product."""

    OFF = 0, _("Off shelf")
    ON = 1, _("On shelf")


class Product(models.Model):
    """What is sold, in one or several SKUs. Its name and first image go into their revisions.

    `translations` are by language tag, such as {"en": {"name": "Cup", "description": "…",
    "attributes": {"颜色": "Colour", "白": "White"}}}; what a language lacks is shown untranslated.
    """

    id = models.CharField(
        primary_key=True,
        max_length=ID_LENGTH,
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
    external_id = _external_id()
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    description = models.TextField(_("description"), blank=True, default="")
    images = models.JSONField(
        _("images"),
        blank=True,
        default=list,
        validators=[validate_image_urls],
        help_text=_("A JSON list of URLs or absolute paths; the first one is shown in carts."),
    )
    translations = models.JSONField(
        _("translations"),
        blank=True,
        default=dict,
        db_default=Value({}, output_field=models.JSONField()),
        validators=[validate_translations],
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
        indexes = (models.Index(fields=("updated_at",), name="product_by_change"),)
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
            models.CheckConstraint(
                name="product_translations_are_objects",
                condition=Exact(JSONType(F("translations")), Value("object"))
                & Exact(HasOtherThanObjects(F("translations"), members="$.*"), Value(False)),
            ),
            models.UniqueConstraint(
                fields=("external_id",),
                name="product_external_id_unique",
                condition=Q(is_deleted=False),
            ),
        )

    def __str__(self) -> str:
        return self.name


def _null_or_in_rule(column: str) -> Q:
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__range": (1, MAX_QUANTITY_RULE)})


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
        max_length=ID_LENGTH,
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
    code = models.CharField(_("code"), max_length=CODE_LENGTH, validators=[validate_code])
    external_id = _external_id()
    barcode = models.CharField(
        _("barcode"),
        max_length=CODE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_("GTIN, EAN, UPC or ISBN."),
    )
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
    tracks_stock = models.BooleanField(
        _("tracks stock"),
        default=True,
        db_default=True,
        help_text=_("Without it the SKU is never out of stock, and orders take none."),
    )
    purchase_limit = models.IntegerField(
        _("purchase limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The most units one buyer may ever buy; empty for no limit."),
    )
    min_quantity = models.IntegerField(
        _("minimum quantity"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY_RULE)],
        help_text=_("The fewest units of a line; empty for one."),
    )
    quantity_step = models.IntegerField(
        _("quantity step"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY_RULE)],
        help_text=_("By how many units a line grows above its minimum; empty for one."),
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
                name="sku_quantity_rule_bounded",
                condition=_null_or_in_rule("min_quantity") & _null_or_in_rule("quantity_step"),
            ),
            models.UniqueConstraint(
                fields=("code",),
                name="sku_code_unique",
                condition=Q(is_deleted=False),
                violation_error_message=_("Another SKU has this code."),
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
        indexes = (
            models.Index(fields=("product", "price"), name="sku_of_product"),
            models.Index(fields=("updated_at",), name="sku_by_change"),
        )

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
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
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
