from collections.abc import Iterator
from pathlib import Path

import pytest

from config.development.embedded import open_stores
from tests.config.project import make_data_dir


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Yield the path of a data folder that does not exist yet."""
    with make_data_dir() as folder:
        yield folder


@pytest.fixture(scope="session")
def used_dir() -> Iterator[Path]:
    """Yield a data folder whose servers have been made, which takes seconds, and stopped."""
    with make_data_dir() as folder:
        with open_stores(folder):
            pass
        yield folder
