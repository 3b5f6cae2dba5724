"""The catalogue as other systems read it: all of it page by page, or what has changed since."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from products.models import Merchant, Product, Sku

# A row has the time at which its change began, but is seen only when its transaction ends. It seems
# late by the length of the transaction, plus the difference between two servers' clocks. So that
# readers miss no such row, they get the changes of the minutes before once more.
_COMMIT_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FeedProduct:
    """A product with those of its SKUs that are not deleted, by code, and its last change.

    Changes of its SKUs, deleted ones as well, and of its merchant are changes of the product.
    """

    product: Product
    skus: Sequence[Sku]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some products in the order of their ids; `next_cursor` is "" at the end."""

    products: Sequence[FeedProduct]
    next_cursor: str


def read_feed(*, since: datetime | None, cursor: str, limit: int) -> FeedPage:
    """Return the first products (at most `limit`) after the cursor that are not deleted.

    With `since`, only products that changed then or later, or a few minutes before. Costs
    two queries. A reader misses nothing by reading all pages and, the next time, asking for changes
    since the first of them was read: products never move, and changes behind the cursor are found
    then. Sales, and changes of a stock alone, are no changes of a product.
    """
    products = Product.objects.filter(is_deleted=False, pk__gt=cursor)
    if since is not None:
        products = products.filter(pk__in=_find_changed(since - _COMMIT_MARGIN, cursor))
    found = list(products.select_related("merchant").order_by("pk")[: limit + 1])
    page = found[:limit]
    return FeedPage(_with_skus(page), page[-1].pk if len(found) > limit else "")


def _find_changed(since: datetime, cursor: str) -> QuerySet[Any, Any]:
    """Return the ids of products that have changed, each part by an index of its own."""
    behind = Product.objects.filter(pk__gt=cursor).order_by()
    by_themselves = behind.filter(updated_at__gte=since).values("pk")
    skus = Sku.objects.filter(product__gt=cursor, updated_at__gte=since).order_by()
    merchants = Merchant.objects.filter(updated_at__gte=since).order_by()
    of_merchants = behind.filter(merchant__in=merchants.values("pk")).values("pk")
    return by_themselves.union(skus.values("product"), of_merchants)


def _with_skus(products: Sequence[Product]) -> list[FeedProduct]:
    by_product = defaultdict[str, list[Sku]](list)
    for sku in Sku.objects.filter(product__in=[each.pk for each in products]).order_by("code"):
        by_product[sku.product_id].append(sku)
    return [_join(product, by_product[product.pk]) for product in products]


def _join(product: Product, skus: Sequence[Sku]) -> FeedProduct:
    changes = [product.updated_at, product.merchant.updated_at, *(sku.updated_at for sku in skus)]
    return FeedProduct(product, [sku for sku in skus if not sku.is_deleted], max(changes))
