"""Fixtures for every test."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import translation
from redis import Redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """Yield a client of this worker's own Redis database."""
    client = Redis.from_url(settings.REDIS_URL)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _empty_redis(redis_server: Redis) -> None:
    redis_server.flushdb()


@pytest.fixture(autouse=True)
def _quick_settings() -> Iterator[None]:
    """Leave out what takes as long as a whole test: strong hashes of passwords, and the list of all
    static files, which WhiteNoise otherwise makes for each new client.
    """
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """Begin in the default language: a page leaves the visitor's to its thread."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture
def _no_limits() -> Iterator[None]:
    """Let carts be changed and merged as often as a test wants."""
    with override_settings(
        RATE_LIMIT_CART_WRITES=0, RATE_LIMIT_CART_WRITES_PER_ADDRESS=0, RATE_LIMIT_MERGE=0
    ):
        yield
