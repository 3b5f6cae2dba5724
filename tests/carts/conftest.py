"""Shoppers: clients that speak to the API as a storefront does."""

from collections.abc import Callable

import pytest

from tests.carts.shopper import Shopper, new_guest, new_user


@pytest.fixture
def guest(db: None) -> Shopper:
    """A guest without a cart."""
    return new_guest()


@pytest.fixture
def user(db: None) -> Shopper:
    """A logged-in user without a cart."""
    return new_user()


@pytest.fixture
def another_guest(db: None) -> Callable[[], Shopper]:
    """A maker of further guests."""
    return new_guest
