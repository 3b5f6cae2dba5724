"""What the storefront shows: products on shelf with their active SKUs, in pages or one by one."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Lookup, QuerySet, TextField, Value
from django.db.models.sql.compiler import SQLCompiler

from products.errors import ProductNotFound
from products.models import Merchant, Product, ProductListing, Sku

# By columns of listings. The id makes every order total, so that pages neither repeat nor skip a
# product.
ORDERINGS: Mapping[str, tuple[str, str]] = {
    "price": ("lowest_price", "pk"),
    "-price": ("-lowest_price", "-pk"),
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "createdAt": ("created_at", "pk"),
    "-createdAt": ("-created_at", "-pk"),
}
NEWEST_FIRST = "-createdAt"

# How many products a search shows and counts, and how many it sorts at most.
MAX_SEARCH_RESULTS = 2_000
_MOST_SORTED = 10_000


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which products, in which order.

    All `words` must occur in the name, the description, their translations, the merchant's name, or
    an active SKU's code or barcode, also in part; `ordering` is a key of ORDERINGS. Every
    SKU of a product that is not in stock is at 0. Empty and None do not filter.
    """

    words: tuple[str, ...] = ()
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
    def stock(self) -> int | None:
        """The units of all SKUs; None where one of them is not tracked."""
        if not all(sku.tracks_stock for sku in self.skus):
            return None
        return sum(sku.stock for sku in self.skus)


def find_products(*, query: ProductQuery, rows: slice) -> tuple[list[ListedProduct], int]:
    """Return some of the products the query finds, and how many it finds in all.

    Costs three queries, whatever the number of products. A search finds MAX_SEARCH_RESULTS at most.
    """
    listings = _filter_listings(query)
    if query.words:
        found, total = _search(listings, query.words)
        rows = slice(min(rows.start, total), min(rows.stop, total))
    else:
        found, total = listings, listings.count()
    return _with_skus(_read_page(found, query.ordering, rows)), total


def get_product(product_id: str) -> ListedProduct:
    """Return one product, at a cost of two queries. Raises ProductNotFound."""
    listed = ProductListing.objects.listed().filter(pk=product_id).values("pk")
    for product in _with_skus(Product.objects.filter(pk__in=listed).select_related("merchant")):
        return product
    raise ProductNotFound


def find_merchants(*, rows: slice) -> tuple[list[Merchant], int]:
    """Return some of the merchants by name, and how many there are in all."""
    return list(Merchant.objects.order_by("name", "id")[rows]), Merchant.objects.count()


def _filter_listings(query: ProductQuery) -> QuerySet[ProductListing]:
    listings = ProductListing.objects.listed()
    if query.merchant_id:
        listings = listings.filter(merchant_id=query.merchant_id)
    if query.in_stock is not None:
        listings = listings.filter(in_stock=query.in_stock)
    return listings


class _Folded(Func):
    """Text in the form in which it is looked for: no regard to case, width, or composition."""

    function = "products_fold"
    output_field = TextField()


class _FoundBy(Lookup):
    """Whether `grams` has the grams of all words, by the index (see the migration of listings)."""

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        grams, parameters = self.process_lhs(compiler, connection)
        words, more = self.process_rhs(compiler, connection)
        return f"{grams} @@ products_search_query({words})", (*parameters, *more)


def _search(
    listings: QuerySet[ProductListing], words: Sequence[str]
) -> tuple[QuerySet[ProductListing], int]:
    """Return those that hold all words, and how many of them are shown.

    The index finds either few products, which are then sorted, or so many that reading all products
    in order fills a page soon. The planner is not asked which: it assumes that the grams of a word
    are independent of each other, and so expects far fewer products than there are.
    """
    matching = listings
    for word in words:
        matching = matching.filter(words__content__contains=_Folded(Value(word)))
    found = matching.filter(_FoundBy(F("words__grams"), Value(" ".join(words))))
    count = found[: _MOST_SORTED + 1].count()
    return found if count <= _MOST_SORTED else matching, min(count, MAX_SEARCH_RESULTS)


def _read_page(found: QuerySet[ProductListing], ordering: str, rows: slice) -> QuerySet[Product]:
    """Find the page by the index of its order alone, and only then read its rows."""
    column, key = ORDERINGS[ordering]
    page = Product.objects.filter(pk__in=found.order_by(column, key).values("pk")[rows])
    direction, name = ("-", column[1:]) if column.startswith("-") else ("", column)
    return page.select_related("merchant").order_by(f"{direction}listing__{name}", key)


def _with_skus(products: QuerySet[Product]) -> list[ListedProduct]:
    page = list(products)
    skus = _read_skus([product.id for product in page])
    # The last SKU of a product may have been withdrawn between the two queries.
    return [ListedProduct(product, skus[product.id]) for product in page if product.id in skus]


def _read_skus(product_ids: Collection[str]) -> Mapping[str, list[Sku]]:
    by_product = defaultdict[str, list[Sku]](list)
    for sku in Sku.objects.active().filter(product__in=product_ids).order_by("code"):
        by_product[sku.product_id].append(sku)
    return by_product
