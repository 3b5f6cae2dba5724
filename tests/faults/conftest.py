"""Stores that break: a proxy before the test's Redis, and servers of a test's own."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from redis import Redis

from tests.config.project import make_data_dir
from tests.faults.proxy import FaultyProxy
from tests.faults.servers import OwnPostgres, OwnValkey, use_redis


@pytest.fixture
def proxy() -> Iterator[FaultyProxy]:
    """A proxy before the Redis of the test run; the application does not use it by itself."""
    url = urlsplit(settings.REDIS_URL)
    proxy = FaultyProxy(url.hostname or "127.0.0.1", url.port or 6379)
    yield proxy
    proxy.close()


@pytest.fixture
def proxy_url(proxy: FaultyProxy) -> str:
    """The worker's own Redis database, behind the proxy."""
    url = urlsplit(settings.REDIS_URL)
    login = url.netloc.rpartition("@")[0]
    return url._replace(netloc=f"{login}{'@' if login else ''}127.0.0.1:{proxy.port}").geturl()


@pytest.fixture
def own_valkey() -> Iterator[OwnValkey]:
    """A running Valkey which nobody else uses, without data."""
    with make_data_dir() as folder:
        folder.mkdir()
        server = OwnValkey(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own_redis(own_valkey: OwnValkey) -> Iterator[Redis]:
    """A client of that Valkey, which the application uses, too."""
    with use_redis(own_valkey.url), Redis.from_url(own_valkey.url) as client:
        yield client


@pytest.fixture(scope="module")
def own_postgres(django_db_setup: None) -> Iterator[OwnPostgres]:
    """A running PostgreSQL which nobody else uses, with all tables. It takes a second to make, so
    a module's tests share it: each finds the rows of those before it.
    """
    with make_data_dir() as folder:
        folder.mkdir()
        server = OwnPostgres(folder)
        server.start()
        server.copy_schema()
        yield server
        server.stop()
