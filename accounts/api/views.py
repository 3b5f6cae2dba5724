"""The account endpoints."""

import secrets
from typing import Any, cast

from django.conf import settings
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.api import documentation
from accounts.api.authentication import TokenBearer
from accounts.api.carts import merge_at_sign_in, save_user_cart
from accounts.api.serializers import LoginBody, RefreshBody, RegisterBody, TokensData, UserData
from accounts.errors import TokenNotValid
from accounts.models import User
from accounts.services import check_credentials, read_living_user, register_user
from accounts.tokens import issue_tokens, revoke_tokens, rotate_tokens
from config.http.envelope import answer
from config.http.parsing import read_object
from config.http.ratelimit import Charge, RateLimit, client_address, client_network, enforce_limits

_GUEST_ID_BYTES = 16


# No cache may keep an answer about an account.
_unkept = method_decorator(cache_control(no_store=True), name="dispatch")


@_unkept
class SignInViewSet(ViewSet):
    """The calls that begin, renew and end a sign-in; they do not look at the Authorization header.

    A client sends it with every call, and these calls are how it replaces a dead one.
    """

    authentication_classes = ()

    @documentation.REGISTER
    def register(self, request: Request) -> HttpResponse:
        body = _read_body(RegisterBody, request)
        _limit_registrations(body["email"], request)
        return _sign_in(register_user(**body), request)

    @documentation.LOGIN
    def log_in(self, request: Request) -> HttpResponse:
        body = _read_body(LoginBody, request)
        user = check_credentials(
            username=body.get("username"),
            email=body.get("email"),
            password=body["password"],
            address=client_address(request),
        )
        return _sign_in(user, request)

    @documentation.REFRESH
    def refresh(self, request: Request) -> HttpResponse:
        body = _read_body(RefreshBody, request)
        return answer(TokensData(rotate_tokens(body["refresh"])).data)

    @documentation.LOGOUT
    def log_out(self, request: Request) -> HttpResponse:
        body = _read_body(RefreshBody, request)
        save_user_cart(user_id=revoke_tokens(body["refresh"]))
        return answer(None)

    @documentation.GUEST
    def make_guest_id(self, request: Request) -> HttpResponse:
        return answer({"guestId": secrets.token_urlsafe(_GUEST_ID_BYTES)})


@_unkept
class MeView(APIView):
    """Who is signed in."""

    permission_classes = (IsAuthenticated,)

    @documentation.ME
    def get(self, request: Request) -> HttpResponse:
        bearer = cast(TokenBearer, request.user)
        user = read_living_user(bearer.id, bearer.access)
        if user is None:
            raise TokenNotValid
        return answer(UserData(user).data)


def _read_body(
    serializer_class: type[serializers.Serializer[Any]], request: Request
) -> dict[str, str]:
    serializer = serializer_class(data=read_object(request))
    serializer.is_valid(raise_exception=True)
    values: dict[str, str] = serializer.validated_data
    return values


def _limit_registrations(email: str, request: Request) -> None:
    enforce_limits(
        [
            Charge(RateLimit("register", settings.RATE_LIMIT_LOGIN), email.casefold()),
            Charge(
                RateLimit("register-address", settings.RATE_LIMIT_LOGIN_PER_ADDRESS),
                client_network(request),
            ),
        ]
    )


def _sign_in(user: User, request: Request) -> HttpResponse:
    tokens = TokensData(issue_tokens(user)).data
    merged = merge_at_sign_in(user_id=user.pk, guest_id=request.META.get("HTTP_X_GUEST_ID"))
    return answer({**tokens, "user": UserData(user).data, **merged})
