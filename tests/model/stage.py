"""The real shop that the machine plays on: shoppers, SKUs and stores, and processes that stop."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.db.models import Model, QuerySet
from redis import Redis

from carts.domain.cart import CartOwner
from carts.live import bulk
from carts.live.bulk import Hashes
from carts.live.keys import shard_prefix
from carts.models import Cart, CartItem, PendingSettlement
from carts.permanent.saving import save_cart
from orders.models import Order, OrderEvent, OrderItem
from products.models import PurchaseTally, Sku
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import Shopper, new_guest, new_user
from tests.factories import SkuFactory

STOCK = {"plenty": 40, "scarce": 4, "limited": 20}
LIMITS = {"plenty": None, "scarce": None, "limited": 3}

_CLEARED: tuple[type[Model], ...] = (
    PendingSettlement, OrderEvent, OrderItem, Order, PurchaseTally, CartItem, Cart,
)  # fmt: skip


class Stopped(BaseException):
    """The process ended here; nothing catches it."""


@dataclass(frozen=True)
class Stage:
    """The shoppers and the SKUs by name, and Redis; every run of the machine begins anew on it."""

    shoppers: dict[str, Shopper]
    skus: dict[str, Sku]
    redis: Redis

    @classmethod
    def set_up(cls, redis: Redis) -> "Stage":
        skus = {
            name: SkuFactory.create(stock=stock, purchase_limit=LIMITS[name])
            for name, stock in STOCK.items()
        }
        return cls({"user": new_user(), "ann": new_guest(), "bob": new_guest()}, skus, redis)

    def clear(self) -> None:
        """Bring back what was at the beginning."""
        self.redis.flushdb()
        with transaction.atomic():
            for model in _CLEARED:
                model._default_manager.all().delete()
            for name, sku in self.skus.items():
                Sku.objects.filter(pk=sku.pk).update(stock=STOCK[name])

    def name_sku(self, sku_id: str) -> str:
        return next(name for name, sku in self.skus.items() if sku.pk == sku_id)

    def name_shopper(self, owner_id: str) -> str:
        return next(who for who, shopper in self.shoppers.items() if shopper.owner_id == owner_id)


@dataclass(frozen=True)
class SlowSaver:
    """A saver that has read a cart, and not written it yet."""

    who: str
    owner: CartOwner
    hashes: Hashes

    @classmethod
    def read(cls, who: str, shopper: Shopper) -> "SlowSaver":
        owner = owner_of(shopper)
        return cls(who, owner, bulk.read_to_save(shard_prefix(owner), [owner]))

    def go_on(self) -> None:
        read_to_save, read = bulk.read_to_save, [self.hashes]

        def recall_or_read(prefix: str, owners: Sequence[CartOwner]) -> Hashes:
            return read.pop() if read else read_to_save(prefix, owners)

        with patch.object(bulk, "read_to_save", recall_or_read):
            save_cart(owner=self.owner, source="test")


@contextmanager
def stop_at(step: str) -> Iterator[None]:
    """Stop the process "before" or "after" it makes a call, for the first or a later time.

    `step` is such as "after carts.operations.merging.save_cart 2".
    """
    moment, path, turn = step.split()
    place, _, name = path.rpartition(".")
    original: Callable[..., Any] = getattr(resolve_name(place), name)
    calls = 0

    def perform(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < int(turn):
            return original(*args, **options)
        if moment == "after":
            original(*args, **options)
        raise Stopped

    with patch.object(resolve_name(place), name, perform):
        yield


def rows_of(shopper: Shopper) -> QuerySet[Cart]:
    """Return a shopper's saved carts."""
    owner = owner_of(shopper)
    if owner.is_guest:
        return Cart.objects.filter(session_id=owner.id)
    return Cart.objects.filter(user_id=owner.id)
