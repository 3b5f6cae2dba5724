"""The cart's routes, under /api."""

from django.urls import path

from carts.api.views import CartViewSet

urlpatterns = [
    path("cart", CartViewSet.as_view({"get": "retrieve", "post": "add"}), name="cart"),
    path(
        "cart/batch",
        CartViewSet.as_view({"post": "add_batch", "put": "update_batch", "delete": "remove_batch"}),
        name="cart-batch",
    ),
    path(
        "cart/item/<str:item_id>",
        CartViewSet.as_view({"put": "update_item", "delete": "remove_item"}),
        name="cart-item",
    ),
    path("cart/clear", CartViewSet.as_view({"delete": "clear"}), name="cart-clear"),
    path("cart/selection", CartViewSet.as_view({"put": "select"}), name="cart-selection"),
    path("cart/summary", CartViewSet.as_view({"get": "summarize"}), name="cart-summary"),
    path("cart/validate", CartViewSet.as_view({"get": "validate"}), name="cart-validate"),
    path("cart/acknowledge", CartViewSet.as_view({"post": "acknowledge"}), name="cart-acknowledge"),
    path("cart/merge", CartViewSet.as_view({"post": "merge"}), name="cart-merge"),
]
