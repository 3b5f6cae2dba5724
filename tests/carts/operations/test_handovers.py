"""A guest's cart and its copy of different histories, while it is merged: nothing lost or doubled.

Such a pair comes about where the hash is lost while a saver has read it, and not written it yet:
the guest goes on with the copy of before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from carts.live.keys import cart_key
from carts.operations import merging
from carts.permanent import reconciling
from carts.permanent.saving import SaveResult
from products.models import Sku
from tests.carts.permanent.copies import lose_hash, owner_of, row_of, save_all, saved_units
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.orders.buying import place_order
from tests.steps import APPLY_MERGE, UNITE, WRITE_COPIES, Step, act_before_next

pytestmark = pytest.mark.django_db


class Crashed(Exception):
    """The process ended here."""


def crash() -> None:
    raise Crashed


@contextmanager
def before(step: Step, act: Callable[[], object]) -> Iterator[None]:
    """Do something before the next call of a step."""
    with pytest.MonkeyPatch.context() as patch:
        act_before_next(patch, step, act)
        yield


@dataclass
class Scene:
    """A guest with a saved line of `early`, who has added `late` since, and a user."""

    redis: Redis
    guest: Shopper
    user: Shopper
    early: Sku
    late: Sku
    new: Sku

    @property
    def all_units(self) -> dict[str, int]:
        return {self.early.id: 1, self.late.id: 2, self.new.id: 3}

    def go_on_without_late(self) -> None:
        """Lose the hash, and add `new` to what comes back."""
        lose_hash(self.redis, self.guest)
        self.guest.add(self.new, 3)

    def merge(self) -> None:
        """Merge as the API does, but where a call raises, let it."""
        merging.merge_carts(
            guest=owner_of(self.guest),
            user=owner_of(self.user),
            strategy=None,
            context=merging.ChangeContext(source="merge"),
        )

    def check_all_is_merged(self) -> None:
        save_all()
        for _ in range(2):
            assert quantities_of(self.user.cart()) == saved_units(self.user) == self.all_units
            assert self.guest.cart()["items"] == []
            self.redis.flushdb()


@pytest.fixture
def scene(db: None, redis_server: Redis) -> Scene:
    early, late, new = SkuFactory.create_batch(3)
    found = Scene(redis_server, new_guest(), new_user(), early, late, new)
    found.guest.add(early, 1)
    save_all()
    found.guest.add(late, 2)
    return found


def test_a_copy_saved_after_the_guest_went_on_without_it_is_united(scene: Scene) -> None:
    with before(WRITE_COPIES, scene.go_on_without_late):
        save_all()

    assert save_all() == SaveResult(saved=1, united=1)

    assert quantities_of(scene.guest.cart()) == saved_units(scene.guest) == scene.all_units


def test_the_next_cart_is_not_united_with_one_that_was_bought(scene: Scene) -> None:
    """A saver that was slow writes a state from before the purchase, of a hash that is lost."""

    def buy_and_begin_anew() -> None:
        place_order(scene.guest)
        lose_hash(scene.redis, scene.guest)
        scene.guest.add(scene.new)

    bought = scene.guest.cart()["id"]
    with before(WRITE_COPIES, buy_and_begin_anew):
        save_all()

    assert scene.guest.cart()["id"] != bought
    assert quantities_of(scene.guest.cart()) == {scene.new.id: 1}


def test_a_merge_before_that_takes_what_both_know(scene: Scene) -> None:
    with before(WRITE_COPIES, scene.go_on_without_late):
        save_all()

    scene.merge()

    scene.check_all_is_merged()


def test_a_merge_that_stopped_is_finished_with_what_the_guest_added(scene: Scene) -> None:
    """The copy was handed over, and the hash knows nothing of it."""
    with (
        before(WRITE_COPIES, scene.go_on_without_late),
        before(APPLY_MERGE, crash),
        suppress(Crashed),
    ):
        scene.merge()
    assert row_of(scene.guest).handover != ""
    assert len(scene.guest.cart()["items"]) == 2

    assert save_all().united == 1
    merging.finish_stalled_merges(begun_before=timezone.now() + timedelta(minutes=1))

    scene.check_all_is_merged()


def test_what_a_merge_has_taken_is_not_taken_again(scene: Scene) -> None:
    with before(WRITE_COPIES, scene.go_on_without_late):
        scene.merge()
    assert quantities_of(scene.user.cart()) == {scene.early.id: 1, scene.late.id: 2}

    save_all()

    assert quantities_of(scene.guest.cart()) == saved_units(scene.guest) == {scene.new.id: 3}
    scene.merge()
    scene.check_all_is_merged()


def test_units_the_guest_added_to_a_line_that_was_taken_stay_with_the_guest(scene: Scene) -> None:
    def go_on() -> None:
        lose_hash(scene.redis, scene.guest)
        scene.guest.add(scene.early, 4)

    with before(WRITE_COPIES, go_on):
        scene.merge()

    save_all()

    assert quantities_of(scene.guest.cart()) == saved_units(scene.guest) == {scene.early.id: 4}


def test_a_merge_that_was_slow_finds_its_lines_withdrawn_and_takes_the_united_ones(
    scene: Scene,
) -> None:
    with (
        before(WRITE_COPIES, scene.go_on_without_late),
        before(APPLY_MERGE, save_all),
    ):
        scene.merge()

    scene.check_all_is_merged()


def test_without_withdrawing_them_it_takes_lines_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "withdraw", lambda _: True)
    with (
        before(WRITE_COPIES, scene.go_on_without_late),
        before(APPLY_MERGE, save_all),
    ):
        scene.merge()

    scene.guest.add(scene.new)

    assert quantities_of(scene.user.cart())[scene.early.id] == 2


def test_lines_withdrawn_in_vain_are_not_taken_for_merged(scene: Scene) -> None:
    """The guest changes the cart, or its hash is lost again, right before it is united."""
    with (
        before(WRITE_COPIES, scene.go_on_without_late),
        before(APPLY_MERGE, crash),
        suppress(Crashed),
    ):
        scene.merge()
    with before(UNITE, lambda: scene.guest.add(scene.new)):
        assert save_all().united == 0
    with before(UNITE, lambda: lose_hash(scene.redis, scene.guest)):
        assert save_all().united == 0

    scene.merge()

    assert quantities_of(scene.user.cart()) == {scene.early.id: 1, scene.late.id: 2}
    assert scene.guest.cart()["items"] == []


def test_a_users_hash_that_cannot_be_read_holds_up_this_cart_alone(scene: Scene) -> None:
    with (
        before(WRITE_COPIES, scene.go_on_without_late),
        before(APPLY_MERGE, crash),
        suppress(Crashed),
    ):
        scene.merge()
    other = new_guest()
    other.add(scene.early)
    scene.redis.set(cart_key(owner_of(scene.user)), "no hash at all")

    assert save_all() == SaveResult(saved=1, postponed=1)

    scene.redis.delete(cart_key(owner_of(scene.user)))
    save_all()
    scene.merge()
    scene.check_all_is_merged()
