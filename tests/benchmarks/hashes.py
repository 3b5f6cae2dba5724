"""Carts put straight into Valkey, unsaved: more than could be filled through the API."""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from django.conf import settings
from django.db import connection
from redis import Redis

from accounts.models import User
from carts.domain.cart import Cart, CartOwner, Line
from carts.live.codec import encode_cart, encode_line
from carts.live.keys import cart_key, derive_cart_id, shard_keys, shard_prefix, shard_prefixes
from products.models import Sku

LINES = 5
_BATCH = 1_000
_numbers = count()


def connect() -> Any:
    """Return a client that waits for an answer as long as it takes."""
    return Redis.from_url(settings.REDIS_URL)


def make_owners(number: int) -> list[CartOwner]:
    """Return new users and guests, in turns."""
    names = [f"saver{next(_numbers)}" for _ in range(0, number, 2)]
    users = User.objects.bulk_create(
        (User(username=name, email=f"{name}@example.com", password="!") for name in names),
        batch_size=_BATCH,
    )
    guests = [CartOwner.for_guest(f"guest-of-{name:->16}") for name in names]
    pairs = zip(users, guests, strict=True)
    return [owner for user, guest in pairs for owner in (CartOwner.for_user(user.pk), guest)]


def put_carts(owners: Sequence[CartOwner], skus: Sequence[Sku]) -> None:
    """Give each owner an unsaved cart of five lines, the SKUs in turns."""
    now_ms = time.time_ns() // 1_000_000
    for start in range(0, len(owners), _BATCH):
        batch = enumerate(owners[start : start + _BATCH], start)
        _put((owner, _fill_cart(owner, position, skus, now_ms)) for position, owner in batch)


def change_carts(owners: Sequence[CartOwner], skus: Sequence[Sku]) -> None:
    """Change one line of each of these carts, which `put_carts` made of the same sequences."""
    now_ms = time.time_ns() // 1_000_000
    for start in range(0, len(owners), _BATCH):
        batch = enumerate(owners[start : start + _BATCH], start)
        _put((owner, _change_line(position, skus, now_ms)) for position, owner in batch)


def count_unsaved() -> int:
    """Return how many carts wait for being saved."""
    return sum(connect().zcard(shard_keys(prefix).unsaved) for prefix in shard_prefixes())


def forget_carts() -> None:
    """Empty Valkey and the tables of carts."""
    connect().flushdb()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE carts_cart, carts_cartitem")
        cursor.execute("ANALYZE")
        # Not to be paid for by whatever is measured next.
        cursor.execute("CHECKPOINT")


def _fill_cart(
    owner: CartOwner, position: int, skus: Sequence[Sku], now_ms: int
) -> Mapping[str, Any]:
    chosen = [_choose_sku(position, number, skus) for number in range(LINES)]
    lines = tuple(
        Line(sku.pk, 1 + number, True, 1, now_ms + number, now_ms + number)
        for number, sku in enumerate(chosen)
    )
    return encode_cart(Cart(derive_cart_id(owner, None), owner, now_ms, now_ms, now_ms, lines))


def _change_line(position: int, skus: Sequence[Sku], now_ms: int) -> Mapping[str, Any]:
    sku = _choose_sku(position, position % LINES, skus)
    line = Line(sku.pk, LINES + 1 + now_ms % 1_000, True, 1, now_ms, now_ms)
    return {"@version": now_ms, "@updated": now_ms, sku.pk: encode_line(line)}


def _choose_sku(position: int, number: int, skus: Sequence[Sku]) -> Sku:
    return skus[(position * LINES + number) % len(skus)]


def _put(carts: Iterable[tuple[CartOwner, Mapping[str, Any]]]) -> None:
    """Write fields of hashes, and mark the carts as unsaved; other fields stay."""
    pipeline = connect().pipeline(transaction=False)
    for owner, fields in carts:
        key = cart_key(owner)
        pipeline.hset(key, mapping=fields)
        unsaved = shard_keys(shard_prefix(owner)).unsaved
        pipeline.zadd(unsaved, {key: fields["@updated"]}, nx=True)
    pipeline.execute()
