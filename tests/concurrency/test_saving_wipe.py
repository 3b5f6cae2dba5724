"""Redis emptied under load: what had been saved is back, and nobody sees an error."""

import time
from dataclasses import dataclass, field
from threading import Event

import pytest
from redis import Redis

from products.models import Sku
from tests.carts.copies import save_all, saved_units
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
    """A shopper, and when each addition of one unit was sent and when it was acknowledged."""

    shopper: Shopper
    additions: list[tuple[float, float]] = field(default_factory=list)

    def add(self, sku: Sku) -> None:
        sent = time.monotonic()
        response = self.shopper.call("POST", "/cart", addition_of(sku))
        assert response.status_code == 200, response.content
        self.additions.append((sent, time.monotonic()))

    def count(self, *, acknowledged_before: float, sent_after: float) -> int:
        return sum(
            acknowledged < acknowledged_before or sent > sent_after
            for sent, acknowledged in self.additions
        )


def test_a_wipe_under_load_costs_only_what_came_after_the_last_save(redis_server: Redis) -> None:
    sku = SkuFactory.create(stock=1_000_000)
    stories = [Story(new_guest()) for _ in range(CARTS)]
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
        units_by_sku = quantities_of(story.shopper.cart())
        # Whoever lost the only addition to the wipe has no cart, and so no row.
        assert not units_by_sku or saved_units(story.shopper) == units_by_sku
