"""What a cart occupies in Valkey, by its own account: MEMORY USAGE of the cart's key."""

from itertools import pairwise
from typing import Any

from django_redis import get_redis_connection

from carts.domain.cart import CartOwner
from carts.live.keys import cart_key
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.shop import add_one, make_buyers, send, stock_shop

_FIRST = 5
_LAST = 50


def measure(bench: Bench) -> list[Table]:
    """Let one user's cart grow line by line, and weigh it at every step."""
    skus = stock_shop()
    [buyer] = make_buyers(bench.url, skus, number=1, lines=0)
    key = cart_key(CartOwner.for_user(buyer.id))
    valkey: Any = get_redis_connection("carts")
    weights = []
    for sku in skus[:_LAST]:
        send(bench.url, add_one(buyer.token, sku.product_id))
        weights.append(valkey.memory_usage(key, samples=0))
    first, last = weights[_FIRST - 1], weights[_LAST - 1]
    steps = [after - before for before, after in pairwise(weights[_FIRST - 1 :])]
    return [
        Table(
            title="Memory of a cart in Valkey",
            columns=("cart", "bytes"),
            rows=[
                (f"{_FIRST} lines", first),
                (f"{_LAST} lines", last),
                (
                    f"each line from the {_FIRST + 1}th to the {_LAST}th, mean",
                    (last - first) / len(steps),
                ),
                ("the costliest of these lines", max(steps)),
            ],
        )
    ]
