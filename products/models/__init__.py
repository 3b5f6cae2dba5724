"""The catalogue's tables: goods, the listings made of them, and their stock."""

from products.models.goods import Merchant, Product, ShelfStatus, Sku, SkuRevision
from products.models.listings import ProductListing, ProductWords
from products.models.stock import PurchaseTally, StockChange, StockReason

__all__ = (
    "Merchant",
    "Product",
    "ProductListing",
    "ProductWords",
    "PurchaseTally",
    "ShelfStatus",
    "Sku",
    "SkuRevision",
    "StockChange",
    "StockReason",
)
