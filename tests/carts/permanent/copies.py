"""The permanent copy as tests need it: saving, losing the hashes, and looking at both."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from redis import Redis

from carts.domain.cart import Cart as LivingCart
from carts.domain.cart import CartOwner
from carts.live.codec import decode_cart, encode_cart
from carts.live.keys import cart_key, shard_prefix, shard_prefixes
from carts.models import Cart, CartItem
from carts.permanent.saving import SaveResult, save_unsaved
from carts.permanent.verifying import verify_in_turn
from tests.carts.shopper import Shopper


def owner_of(shopper: Shopper) -> CartOwner:
    """Return the owner of a shopper's cart."""
    if "X-Guest-ID" in shopper.headers:
        return CartOwner.for_guest(shopper.owner_id)
    return CartOwner.for_user(shopper.owner_id)


def save_all() -> SaveResult:
    """Save every unsaved cart."""
    results = (r for prefix in shard_prefixes() for r in save_unsaved(prefix=prefix, source="test"))
    return sum(results, SaveResult())


def verify_all() -> None:
    """Compare all carts with their copies, in one round."""
    for _ in verify_in_turn():
        pass


def put_unsaved(redis: Redis, cart: LivingCart) -> None:
    """Put a cart's hash in place as it is, marked as unsaved."""
    key = cart_key(cart.owner)
    redis.hset(key, mapping=encode_cart(cart))  # type: ignore[arg-type]
    redis.zadd(f"{shard_prefix(cart.owner)}cart:dirty", {key: cart.updated_ms})


def hash_of(redis: Redis, shopper: Shopper) -> dict[bytes, bytes]:
    """Return the fields of a shopper's hash."""
    fields: Any = redis.hgetall(cart_key(owner_of(shopper)))
    return dict(fields)


def read_living(redis: Redis, shopper: Shopper) -> LivingCart:
    """Return a shopper's cart as its hash has it."""
    return decode_cart(owner_of(shopper), hash_of(redis, shopper))


def lose_hash(redis: Redis, shopper: Shopper) -> None:
    """Delete a shopper's hash, and whatever else is known of it."""
    key = cart_key(owner_of(shopper))
    redis.delete(key)
    redis.zrem(f"{shard_prefix(owner_of(shopper))}cart:dirty", key)


def version_of(redis: Redis, shopper: Shopper) -> int:
    """Return the version of a shopper's hash."""
    return int(hash_of(redis, shopper)[b"@version"])


def row_of(shopper: Shopper) -> Cart:
    """Return a shopper's only saved cart."""
    owner = owner_of(shopper)
    if owner.is_guest:
        return Cart.objects.get(session_id=owner.id)
    return Cart.objects.get(user_id=owner.id)


def saved_units(shopper: Shopper) -> dict[str, int]:
    """Return the units by SKU of a shopper's only saved cart."""
    items = CartItem.objects.filter(cart=row_of(shopper))
    return dict(items.values_list("sku_id", "quantity"))


def is_unsaved(redis: Redis, shopper: Shopper) -> bool:
    """Tell whether a shopper's cart is marked as unsaved."""
    return redis.zscore("cart:dirty", cart_key(owner_of(shopper))) is not None


def let_idle(shopper: Shopper, *, days: int = 1) -> None:
    """Make a shopper's saved cart one that passed its expiry so many days ago."""
    Cart.objects.filter(pk=row_of(shopper).pk).update(
        expires_at=timezone.now() - timedelta(days=days)
    )
