"""Behind PgBouncer, which lends a connection for one transaction alone, all is as without it."""

import os
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.config.project import start_python
from tests.faults.pooler import find_pgbouncer, run_pgbouncer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        find_pgbouncer() is None and not os.environ.get("CI"), reason="PgBouncer is not installed"
    ),
]

# What reads and writes each table in each way: binary results, locks by row and by number, batches,
# time-outs, settings for one transaction, and the same from several threads. Tests of orders add to
# carts, too.
TESTS = [
    "tests/carts/log/test_rows.py",
    "tests/carts/permanent/test_saving.py",
    "tests/config/stores/test_database.py",
    "tests/orders/test_cancelling.py",
    "tests/orders/api/test_placing.py",
    "tests/orders/api/test_repeating.py",
    "tests/products/test_stock.py",
]


def name_pooled_database() -> str:
    return f"{connection.settings_dict['NAME']}_pooled"


@pytest.mark.timeout(1_200)
def test_the_tests_of_the_stores_pass_through_a_pooler() -> None:
    redis = urlsplit(settings.REDIS_URL)._replace(path="/60").geturl()
    name = name_pooled_database()
    try:
        with run_pgbouncer() as address:
            run = start_python(
                "-m", "pytest", "-q", "-x", "-n", "0", "--create-db", "--reuse-db",
                # Its buyers need a connection each, all at once: more than the pooler lends.
                "-k", "not without_the_lock", *TESTS,
                DATABASE_URL=f"{address}/{name}", REDIS_URL=redis, DATABASE_PREPARE_THRESHOLD="0",
                DATABASE_STATEMENT_TIMEOUT_MS="60000",
            )  # fmt: skip
            with run:
                output, _ = run.communicate()
    finally:
        # The run leaves it: the pooler has connections to it as long as it lives.
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "test_{name}" WITH (FORCE)')

    assert run.returncode == 0, output[-4_000:]
