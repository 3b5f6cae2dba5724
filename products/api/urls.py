"""Routes of the catalogue, under /api."""

from django.urls import path

from products.api.bulk_views import (
    CataloguePricesView,
    CatalogueProductsView,
    CatalogueStockView,
)
from products.api.views import MerchantViewSet, ProductViewSet

urlpatterns = [
    path("products", ProductViewSet.as_view({"get": "list"}), name="products"),
    path("products/<str:product_id>", ProductViewSet.as_view({"get": "retrieve"}), name="product"),
    path("merchants", MerchantViewSet.as_view({"get": "list"}), name="merchants"),
    path("catalogue/products", CatalogueProductsView.as_view(), name="catalogue-products"),
    path("catalogue/stock", CatalogueStockView.as_view(), name="catalogue-stock"),
    path("catalogue/prices", CataloguePricesView.as_view(), name="catalogue-prices"),
]
