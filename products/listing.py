"""What the storefront shows: products on shelf with their active SKUs, in pages or one by one."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, Subquery

from products.errors import ProductNotFound
from products.models import Merchant, Product, ProductQuerySet, Sku

# The id makes every order total, so that pages neither repeat nor skip a product.
ORDERINGS: Mapping[str, tuple[str, str]] = {
    "price": ("lowest_price", "id"),
    "-price": ("-lowest_price", "-id"),
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
    "createdAt": ("created_at", "id"),
    "-createdAt": ("-created_at", "-id"),
}
NEWEST_FIRST = "-createdAt"


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which products, in which order.

    `search` holds words which must all occur in the name or the description, `ordering` is a key
    of ORDERINGS. Every SKU of a product that is not in stock is at 0. Empty and None do not filter.
    """

    search: str = ""
    merchant_id: str = ""
    in_stock: bool | None = None
    ordering: str = NEWEST_FIRST


@dataclass(frozen=True, slots=True)
class ListedProduct:
    """A product with its active SKUs, of which there is at least one, by code."""

    product: Product
    skus: Sequence[Sku]

    @property
    def cheapest_sku(self) -> Sku:
        return min(self.skus, key=lambda sku: (sku.price, sku.code))

    @property
    def stock(self) -> int:
        return sum(sku.stock for sku in self.skus)


def find_products(*, query: ProductQuery, rows: slice) -> tuple[list[ListedProduct], int]:
    """Return some of the products the query finds, and how many it finds in all.

    Costs three queries, whatever the number of products. A search word of less than three letters
    has no trigram to look up, and reads every listed product.
    """
    found = _filter_products(query)
    page = found.select_related("merchant").order_by(*ORDERINGS[query.ordering])[rows]
    return _with_skus(page), found.count()


def get_product(product_id: str) -> ListedProduct:
    """Return one product, at a cost of two queries. Raises ProductNotFound."""
    listed = Product.objects.listed().filter(id=product_id).select_related("merchant")
    for product in _with_skus(listed):
        return product
    raise ProductNotFound


def find_merchants(*, rows: slice) -> tuple[list[Merchant], int]:
    """Return some of the merchants by name, and how many there are in all."""
    return list(Merchant.objects.order_by("name", "id")[rows]), Merchant.objects.count()


def _filter_products(query: ProductQuery) -> ProductQuerySet:
    products = Product.objects.listed()
    for word in query.search.split():
        products = products.filter(Q(name__icontains=word) | Q(description__icontains=word))
    if query.merchant_id:
        products = products.filter(merchant=query.merchant_id)
    skus = Sku.objects.active().filter(product=OuterRef("pk"))
    if query.in_stock is not None:
        has_stock = Exists(skus.filter(stock__gt=0))
        products = products.filter(has_stock if query.in_stock else ~has_stock)
    return products.alias(lowest_price=Subquery(skus.order_by("price").values("price")[:1]))


def _with_skus(products: ProductQuerySet) -> list[ListedProduct]:
    page = list(products)
    skus = _read_skus([product.id for product in page])
    # The last SKU of a product may have been withdrawn between the two queries.
    return [ListedProduct(product, skus[product.id]) for product in page if product.id in skus]


def _read_skus(product_ids: Collection[str]) -> Mapping[str, list[Sku]]:
    by_product = defaultdict[str, list[Sku]](list)
    for sku in Sku.objects.active().filter(product__in=product_ids).order_by("code"):
        by_product[sku.product_id].append(sku)
    return by_product
