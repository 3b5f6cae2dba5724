"""Fixtures for tests of the catalogue."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.products.rows import run_sql


@pytest.fixture
def _unguarded_trigger(db: None) -> Iterator[None]:
    """Let a SKU be added without waiting for who changes its product or merchant."""
    migration = import_module("products.migrations.0005_sku_cards")
    guarded = migration.FILL_SKU_CARD.replace("CREATE", "CREATE OR REPLACE", 1)
    run_sql(guarded.replace("FOR SHARE", ""))
    yield
    run_sql(guarded)
