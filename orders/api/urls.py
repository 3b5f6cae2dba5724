"""The routes of orders, under /api."""

from django.urls import path

from orders.api.views import OrderViewSet, PaymentWebhookView

urlpatterns = [
    path("orders", OrderViewSet.as_view({"get": "list", "post": "create"}), name="orders"),
    path("orders/webhooks/payment", PaymentWebhookView.as_view(), name="payment-webhook"),
    path("orders/<str:order_id>", OrderViewSet.as_view({"get": "retrieve"}), name="order"),
    path(
        "orders/<str:order_id>/cancel",
        OrderViewSet.as_view({"post": "cancel"}),
        name="order-cancel",
    ),
]
