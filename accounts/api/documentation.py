"""How the account endpoints look in the OpenAPI schema."""

from drf_spectacular.utils import OpenApiParameter

from accounts.api.serializers import (
    GuestData,
    LoginBody,
    RefreshBody,
    RegisterBody,
    SignInData,
    TokensData,
    UserData,
)
from accounts.errors import AccountExists, InvalidCredentials
from config.http.openapi import document_answer, document_call

_BODY_ERRORS = (
    "body_too_large",
    "database_busy",
    "database_unavailable",
    "invalid_body",
    "invalid_field",
    "malformed_json",
    "unsupported_media_type",
)
_SIGN_IN_ERRORS = (*_BODY_ERRORS, "rate_limited", "rate_limiter_unavailable")
_GUEST_ID = OpenApiParameter(
    "X-Guest-ID",
    {"type": "string"},
    OpenApiParameter.HEADER,
    description="The guest whose cart becomes the user's; an empty one is none. One that can be no "
    "guest's id keeps nobody from signing in.",
)
_USER = {"id": "k3v9mz0q8w2r7t1y5u4x6abc", "username": "lin", "email": "lin@example.com"}
_PASSWORD = "grün tea 7 cups"  # noqa: S105
_TOKENS = {"access": "eyJhbGciOiJIUzI1NiIs…", "refresh": "eyJhbGciOiJIUzI1NiIs…"}
_SIGN_IN = {
    **_TOKENS,
    "user": _USER,
    "cart": {"id": "c2f4j8l1n5p9r3t7v0x6z2bd", "userId": _USER["id"], "items": []},
    "merge": {"strategy": "sum", "mergedItems": 2, "capped": [], "skipped": []},
}
_SIGN_IN_NOTE = (
    "With an `X-Guest-ID` header that guest's cart is merged into the user's. Whatever goes wrong "
    "with carts, the sign-in succeeds: `merge.skippedReason` then says why nothing was merged "
    "(`invalid_guest_id`, `cart_store_unavailable`, ...), and the next sign-in or merge finishes "
    "it; `cart` is null while the cart store is down. Without the header `merge` is null."
)


REGISTER = document_call(
    operation_id="register",
    tags=["Accounts"],
    summary="Create an account and sign in",
    description=_SIGN_IN_NOTE,
    parameters=[_GUEST_ID],
    request=RegisterBody,
    bodies={
        "A new account": {"username": "lin", "email": "lin@example.com", "password": _PASSWORD}
    },
    answer=document_answer(SignInData(), name="Register", example=_SIGN_IN | {"merge": None}),
    failures=(
        *_SIGN_IN_ERRORS,
        AccountExists(fields={"email": ["This email address is taken."]}),
    ),
)

LOGIN = document_call(
    operation_id="login",
    tags=["Accounts"],
    summary="Sign in by username or email",
    description=_SIGN_IN_NOTE,
    parameters=[_GUEST_ID],
    request=LoginBody,
    bodies={
        "By username": {"username": "lin", "password": _PASSWORD},
        "By email": {"email": "lin@example.com", "password": _PASSWORD},
    },
    answer=document_answer(SignInData(), name="Login", example=_SIGN_IN),
    failures=(*_SIGN_IN_ERRORS, InvalidCredentials()),
)

REFRESH = document_call(
    operation_id="refreshTokens",
    tags=["Accounts"],
    summary="Exchange a refresh token for a new pair",
    description="Within 10 seconds the same token gets another pair (two tabs, a lost answer). One "
    "that comes again later was copied: it ends its sign-in, and the access tokens of that within "
    "seconds. Another password or a deactivation ends every token of the user.",
    request=RefreshBody,
    answer=document_answer(TokensData(), name="Refresh", example=_TOKENS),
    failures=(*_BODY_ERRORS, "token_not_valid"),
)

LOGOUT = document_call(
    operation_id="logout",
    tags=["Accounts"],
    summary="End a refresh token",
    description="All refresh tokens that this one was exchanged for end, too. The access tokens "
    "live on until they expire: forget them.",
    request=RefreshBody,
    answer=document_answer(None, name="Logout"),
    failures=(*_BODY_ERRORS, "token_not_valid"),
)

ME = document_call(
    operation_id="getMe",
    tags=["Accounts"],
    summary="Tell who is signed in",
    description="Unlike cart calls it looks the user up.",
    answer=document_answer(UserData(), name="Me", example=_USER),
    failures=("database_unavailable", "not_authenticated", "token_not_valid"),
)

GUEST = document_call(
    operation_id="createGuestId",
    tags=["Accounts"],
    summary="Make a strong guest id",
    description="128 random bits; nothing is stored. A client may as well make its own.",
    request=None,
    answer=document_answer(
        GuestData(), name="Guest", example={"guestId": "q3Zk9vN2Yw0bT7rXc5mLdA"}
    ),
)
