"""Routes of accounts, below /api/."""

from django.urls import path

from accounts.api.views import MeView, SignInViewSet

urlpatterns = [
    path("auth/register", SignInViewSet.as_view({"post": "register"}), name="register"),
    path("auth/login", SignInViewSet.as_view({"post": "log_in"}), name="login"),
    path("auth/refresh", SignInViewSet.as_view({"post": "refresh"}), name="refresh"),
    path("auth/logout", SignInViewSet.as_view({"post": "log_out"}), name="logout"),
    path("auth/me", MeView.as_view(), name="me"),
    path("auth/guest", SignInViewSet.as_view({"post": "make_guest_id"}), name="guest"),
]
