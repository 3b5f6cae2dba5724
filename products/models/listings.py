"""What lists of products are filtered, sorted and searched by."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from products.bounds import NAME_LENGTH
from products.models.goods import ID_LENGTH, Product

# Which listings are shown. It has no parameter, so an index under this condition serves any plan.
_LISTED = Q(is_shown=True, lowest_price__isnull=False)


class ListingQuerySet(models.QuerySet["ProductListing"]):
    """Listings as the storefront looks for them."""

    def listed(self) -> "ListingQuerySet":
        """Keep what the storefront shows: on shelf, not deleted, with an active SKU."""
        return self.filter(_LISTED)


class ProductListing(models.Model):
    """What lists of products are filtered and sorted by: a row for each product.

    The database's triggers renew it with every change of products and SKUs, and ignore what
    anybody else writes to it. `lowest_price` and `in_stock` are those of active SKUs, None and
    False without one.
    """

    product = models.OneToOneField(
        Product,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="listing",
        verbose_name=_("product"),
    )
    merchant_id = models.CharField(max_length=ID_LENGTH)
    name = models.CharField(max_length=NAME_LENGTH)
    created_at = models.DateTimeField()
    is_shown = models.BooleanField()
    lowest_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    in_stock = models.BooleanField()

    objects = ListingQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        # With any filter, one of these finds a page at any depth without reading a row.
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
        )

    def __str__(self) -> str:
        return self.name


class ProductWords(models.Model):
    """What a product is found by, for those on shelf; kept by the database's triggers alone.

    `content` is folded (`products_fold`): name, merchant, codes and barcodes of the active SKUs,
    names in other languages, description, descriptions in other languages; empty without an active
    SKU. `grams` are the pairs of letters in it.
    """

    listing = models.OneToOneField(
        ProductListing,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="words",
    )
    content = models.TextField()
    grams = SearchVectorField()

    class Meta:
        default_permissions = ()
        indexes = (GinIndex(fields=("grams",), name="words_grams", gin_pending_list_limit=512),)

    def __str__(self) -> str:
        return self.content[:50]
