"""Redis emptied under load: what had been saved is back, and nobody sees an error."""

import time
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from redis import Redis

from carts.domain.cart import Cart, CartOwner
from carts.operations import reading
from products.models import Sku
from tests.carts.permanent.copies import save_all, saved_units
from tests.carts.shopper import Shopper, addition_of, new_guest, quantities_of
from tests.factories import SkuFactory
from tests.products.threads import run_together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_limits"),
]

CARTS = 200
WRITERS = 16
SAVES = 3


@dataclass
class Story:
    """A shopper with lines that were saved long ago, and when each addition of one unit of another
    SKU was sent and when it was acknowledged.
    """

    shopper: Shopper
    saved: dict[str, int]
    additions: list[tuple[float, float]] = field(default_factory=list)

    def add(self, sku: Sku) -> None:
        self._look(self.shopper.call("GET", "/cart"))
        sent = time.monotonic()
        self._look(self.shopper.call("POST", "/cart", addition_of(sku)))
        self.additions.append((sent, time.monotonic()))

    def _look(self, response: Any) -> None:
        """See that an answer is no failure, and no empty or partial cart."""
        assert response.status_code == 200, response.content
        assert self.saved.items() <= quantities_of(response.json()["data"]).items()

    def count(self, *, acknowledged_before: float, sent_after: float) -> int:
        return sum(
            acknowledged < acknowledged_before or sent > sent_after
            for sent, acknowledged in self.additions
        )


def begin_stories(count: int) -> list[Story]:
    """Return stories of guests with three lines, all saved."""
    skus = SkuFactory.create_batch(3)
    stories = [Story(new_guest(), {sku.id: 2 for sku in skus}) for _ in range(count)]
    for story in stories:
        story.shopper.data("POST", "/cart/batch", {"items": [addition_of(sku, 2) for sku in skus]})
    save_all()
    return stories


def test_a_wipe_under_load_costs_only_what_came_after_the_last_save(redis_server: Redis) -> None:
    sku = SkuFactory.create(stock=1_000_000)
    stories = begin_stories(CARTS)
    is_over = Event()

    def write(number: int) -> None:
        while not is_over.is_set():
            for story in stories[number::WRITERS]:
                story.add(sku)

    def save_and_wipe() -> tuple[float, float]:
        for _ in range(SAVES):
            save_began = time.monotonic()
            save_all()
        redis_server.flushdb()
        wiped = time.monotonic()
        for _ in range(SAVES):
            save_all()
        is_over.set()
        return save_began, wiped

    *written, moments = run_together(
        lambda number: write(number) if number < WRITERS else save_and_wipe(),
        range(WRITERS + 1),
        threads=WRITERS + 1,
    )

    assert written == [None] * WRITERS
    save_began, wiped = moments  # type: ignore[misc]
    for story in stories:
        units = quantities_of(story.shopper.cart()).get(sku.id, 0)
        kept = story.count(acknowledged_before=save_began, sent_after=wiped)
        assert kept <= units <= len(story.additions)
    save_all()
    for story in stories:
        assert saved_units(story.shopper) == quantities_of(story.shopper.cart())


def begin_cart(owner: CartOwner) -> Cart:
    return Cart("c" * 24, owner, version=0, created_ms=0, updated_ms=0)


def test_without_the_restore_carts_are_partial_after_a_wipe(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""
    sku = SkuFactory.create()
    [story] = begin_stories(1)
    monkeypatch.setattr(reading, "restore_cart", begin_cart)
    redis_server.flushdb()

    assert quantities_of(story.shopper.add(sku)) == {sku.id: 1}
