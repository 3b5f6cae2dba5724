"""The catalogue as entries, product by product, as files and the feed of service keys show it."""

from collections.abc import Iterable, Iterator

from django.db import connection
from django.db.models import Prefetch, QuerySet

from products.exchange.entries import MerchantEntry, ProductEntry, SkuEntry
from products.models import Product, ShelfStatus, Sku

_AT_ONCE = 500


def list_entries(products: QuerySet[Product]) -> Iterator[ProductEntry]:
    """Yield products with their SKUs, without deleted ones; two queries for some hundred."""
    found = products.filter(is_deleted=False).select_related("merchant").order_by("pk")
    skus = Prefetch("skus", Sku.objects.filter(is_deleted=False).order_by("code"), "kept_skus")
    for product in found.prefetch_related(skus).iterator(chunk_size=_AT_ONCE):
        if product.kept_skus:
            yield make_entry(product, product.kept_skus)


def make_entry(product: Product, skus: Iterable[Sku]) -> ProductEntry:
    """Return a product as an entry; one without an external id is named by its own."""
    return ProductEntry(
        external_id=product.external_id or product.pk,
        name=product.name,
        skus=tuple(_make_sku_entry(sku) for sku in skus),
        description=product.description,
        images=tuple(product.images),
        merchant=MerchantEntry(product.merchant.name, product.merchant.external_id),
        is_on_shelf=product.status == ShelfStatus.ON,
        translations=product.translations,
    )


def count_attributes() -> int:
    """Return how many attributes the SKU with the most of them has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max((SELECT count(*) FROM json_object_keys(attributes))), 0)"
            " FROM products_sku WHERE NOT is_deleted"
        )
        [most] = cursor.fetchone()
        return int(most)


def _make_sku_entry(sku: Sku) -> SkuEntry:
    return SkuEntry(
        code=sku.code,
        price=sku.price,
        external_id=sku.external_id,
        attributes=sku.attributes,
        original_price=sku.original_price,
        stock=sku.stock,
        tracks_stock=sku.tracks_stock,
        purchase_limit=sku.purchase_limit,
        min_quantity=sku.min_quantity,
        quantity_step=sku.quantity_step,
        barcode=sku.barcode,
        is_active=sku.is_active,
    )
