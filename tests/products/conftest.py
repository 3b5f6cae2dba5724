"""Fixtures for tests of the catalogue."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.products.rows import replace_function


@pytest.fixture
def _unguarded_trigger(db: None) -> Iterator[None]:
    """Let a SKU be added without waiting for who changes its product or merchant."""
    migration = import_module("products.migrations.0015_translated_cards_and_codes_found")
    replace_function(migration.FILL_SKU_CARD.replace("FOR SHARE", ""))
    yield
    replace_function(migration.FILL_SKU_CARD)
