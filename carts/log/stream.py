"""The change stream of each shard: the scripts write it, and it is read in order and dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from carts.domain.cart import Cart
from carts.live.connection import get_client, run_script, store_errors
from carts.live.keys import cart_key, shard_keys, shard_prefix


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A change as a script wrote it. The id is the server's time in ms, "-", and a sequence."""

    id: str
    fields: Mapping[bytes, bytes]


def read_changes(prefix: str, *, count: int) -> list[StreamEntry]:
    """Return the oldest entries of a shard, at most `count`. Raises CartStoreUnavailable.

    1,000 entries keep the server busy for about 2 ms.
    """
    with store_errors():
        entries = get_client().xrange(shard_keys(prefix).changes, count=count)
    return [StreamEntry(entry_id.decode(), fields) for entry_id, fields in entries]


def read_newest_changes(prefix: str, *, count: int) -> list[StreamEntry]:
    """Return the newest entries of a shard, newest first. Costs and raises as `read_changes`."""
    with store_errors():
        entries = get_client().xrevrange(shard_keys(prefix).changes, count=count)
    return [StreamEntry(entry_id.decode(), fields) for entry_id, fields in entries]


def drop_changes(prefix: str, entries: Sequence[StreamEntry]) -> int:
    """Take the oldest entries of a shard, as read, off its stream once they are kept elsewhere.

    Return how many entries have been lost unread since the last call, because nobody drained the
    stream. Raises CartStoreUnavailable; dropping entries twice does no harm.
    """
    keys = shard_keys(prefix)
    ids = [entry.id for entry in entries]
    lost: int = run_script("drop_changes", [keys.changes, keys.progress], ids)
    return lost


def note_action(cart: Cart, *, action: str, source: str, actor: str, request_id: str) -> None:
    """Put something done to a cart as a whole on the stream, as a change of no line.

    Scripts log what they do themselves. Raises CartStoreUnavailable.
    """
    entry: dict[str, str | int] = {
        "cart": cart.id,
        "key": cart_key(cart.owner),
        "action": action,
        "sku": "",
        "before": 0,
        "after": 0,
        "version": cart.version,
        "actor": actor,
        "source": source,
        "request": request_id,
    }
    stream = shard_keys(shard_prefix(cart.owner)).changes
    with store_errors():
        get_client().xadd(stream, entry, maxlen=settings.CART_CHANGES_MAX, approximate=True)
