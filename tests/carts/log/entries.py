"""What the change log says, and change streams as a test needs them."""

from typing import Any

from redis import Redis

from carts.models import CartChange

STREAM = "cart:changes"

ENTRY: dict[Any, Any] = {
    "cart": "c" * 24,
    "key": "cart:guest:guest-12345678",
    "action": "add",
    "sku": "s" * 24,
    "before": 0,
    "after": 1,
    "version": 1_733_653_800_123,
    "actor": "",
    "source": "api",
    "request": "0123456789abcdef",
}


def write_entries(redis: Redis, count: int, **fields: Any) -> None:
    """Add entries to the stream, told apart by their cart's version."""
    pipeline = redis.pipeline(transaction=False)
    for version in range(1, count + 1):
        entry: dict[Any, Any] = {**ENTRY, "version": version, **fields}
        pipeline.xadd(STREAM, entry)
    pipeline.execute()


def write_entry(redis: Redis, entry: dict[Any, Any]) -> str:
    """Add an entry to the stream, and return its id."""
    entry_id = redis.xadd(STREAM, entry)
    assert isinstance(entry_id, bytes)
    return entry_id.decode()


def changes_of(cart_id: str) -> list[tuple[str, str, int, int]]:
    """Return action, SKU, units before and after of a cart's changes, in the order of the log."""
    rows = CartChange.objects.filter(cart_id=cart_id).order_by("pk")
    return list(rows.values_list("action", "sku_id", "before", "after"))
