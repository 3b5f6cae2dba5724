"""Buyers are shoppers: the fixtures of the cart's tests."""

from tests.carts.conftest import guest, redis_round_trips, shopper, user

__all__ = ["guest", "redis_round_trips", "shopper", "user"]
