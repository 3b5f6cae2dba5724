"""Keys are changed without signing anybody out: older ones still verify."""

import secrets
from collections.abc import Iterator

import jwt
import pytest
from django.test import Client
from pytest_django import Settings

from accounts.api.authentication import _verify_access_token
from tests.accounts.calls import get, post, sign_in
from tests.accounts.factories import StaffFactory, UserFactory
from tests.config.project import run_python

pytestmark = pytest.mark.django_db

OLD, NEW = secrets.token_urlsafe(64), secrets.token_urlsafe(64)


@pytest.fixture(autouse=True)
def _forget_tokens() -> Iterator[None]:
    """A new key comes with a new process, which remembers no token."""
    yield
    _verify_access_token.cache_clear()


def sign_with(settings: Settings, key: str, *fallbacks: str) -> None:
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": key}
    settings.JWT_SIGNING_KEY_FALLBACKS = list(fallbacks)
    _verify_access_token.cache_clear()


def test_tokens_of_an_older_key_live_and_new_ones_are_signed_with_the_newest(
    settings: Settings,
) -> None:
    sign_with(settings, OLD)
    old = sign_in(UserFactory.create())

    sign_with(settings, NEW, secrets.token_urlsafe(64), OLD)

    assert get("/api/cart", authorization=f"Bearer {old.access}").status_code == 200
    renewed = post("/api/auth/refresh", {"refresh": old.refresh}).json()["data"]
    for token in renewed.values():
        assert jwt.decode(token, NEW, algorithms=["HS256"])["family"]


def test_a_key_that_is_dropped_ends_its_tokens(settings: Settings) -> None:
    sign_with(settings, OLD)
    old = sign_in(UserFactory.create())

    sign_with(settings, NEW)

    assert get("/api/cart", authorization=f"Bearer {old.access}").status_code == 401
    assert post("/api/auth/refresh", {"refresh": old.refresh}).status_code == 401


def test_a_session_of_an_older_secret_key_lives(settings: Settings) -> None:
    client = Client()
    client.force_login(StaffFactory.create())

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    while_both = client.get("/admin/").status_code
    settings.SECRET_KEY_FALLBACKS = []

    assert (while_both, client.get("/admin/").status_code) == (200, 200)


def test_a_session_of_a_key_that_is_dropped_ends(settings: Settings) -> None:
    client = Client()
    client.force_login(StaffFactory.create())

    settings.SECRET_KEY = NEW

    assert client.get("/admin/").status_code == 302


SHOW = (
    "from config import settings as s;"
    "print(s.SECRET_KEY_FALLBACKS, s.SIMPLE_JWT['SIGNING_KEY'], s.JWT_SIGNING_KEY_FALLBACKS)"
)


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"SECRET_KEY": "a"}, "[] a []"),
        ({"SECRET_KEY": "a", "SECRET_KEY_FALLBACKS": "b,c"}, "['b', 'c'] a ['b', 'c']"),
        (
            {"SECRET_KEY": "a", "SECRET_KEY_FALLBACKS": "b", "JWT_SIGNING_KEY": "j"},
            "['b'] j []",
        ),
        ({"SECRET_KEY": "a", "JWT_SIGNING_KEY_FALLBACKS": "k"}, "[] a ['k']"),
    ],
)
def test_the_fallbacks_of_tokens_are_those_of_the_secret_key_where_the_key_is(
    environment: dict[str, str], shown: str
) -> None:
    stores = {"DATABASE_URL": "postgresql:///shop", "REDIS_URL": "redis://localhost"}

    assert run_python("-c", SHOW, **stores, **environment).stdout.strip() == shown
