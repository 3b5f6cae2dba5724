"""Round trips are counted as in the cart's tests."""

from tests.carts.conftest import redis_round_trips

__all__ = ["redis_round_trips"]
