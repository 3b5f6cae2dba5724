"""A merge is exact even where the hashes are lost underway: units never double, none are lost."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from redis import Redis

from carts import tasks
from carts.domain.cart import Cart as GuestCart
from carts.domain.cart import CartOwner, Handover
from carts.domain.errors import CartContended
from carts.live import bulk, store
from carts.live.keys import cart_key
from carts.live.store import ChangeContext
from carts.models import Cart
from carts.operations import merging
from products.models import Sku
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    owner_of,
    row_of,
    save_all,
    saved_units,
)
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.config.admin.figures import grows
from tests.factories import SkuFactory
from tests.orders.buying import buy, place_order
from tests.steps import (
    APPLY_MERGE,
    BEGIN_MERGE,
    FINISH_MERGE,
    SAVE_FOR_MERGE,
    Step,
    act_after,
    act_after_next,
    act_before_next,
    replace_step,
)

pytestmark = pytest.mark.django_db

CONTEXT = ChangeContext(source="merge")


class Crashed(Exception):
    """The process ended here."""


@dataclass
class Scene:
    """A guest and a user with saved carts, one SKU of the guest alone and one of both."""

    guest: Shopper
    user: Shopper
    theirs: Sku
    both: Sku

    @property
    def merged(self) -> dict[str, int]:
        return {self.theirs.id: 2, self.both.id: 7}

    def merge(self) -> Any:
        return self.user.data("POST", "/cart/merge", {"guestSessionId": self.guest.owner_id})

    def run(self) -> None:
        merging.merge_carts(
            guest=owner_of(self.guest), user=owner_of(self.user), strategy=None, context=CONTEXT
        )


@pytest.fixture
def scene(db: None) -> Scene:
    found = Scene(new_guest(), new_user(), SkuFactory.create(), SkuFactory.create())
    found.guest.add(found.theirs, 2)
    found.guest.add(found.both, 3)
    found.user.add(found.both, 4)
    save_all()
    return found


# The steps of a merge in their order, each by the name the merge calls it by.
STEPS = [
    (BEGIN_MERGE, 1),
    (SAVE_FOR_MERGE, 1),
    (APPLY_MERGE, 1),
    (SAVE_FOR_MERGE, 2),
    (FINISH_MERGE, 1),
]


@contextmanager
def crash(patch: pytest.MonkeyPatch, step: Step, turn: int = 1, *, done: bool) -> Iterator[None]:
    """Crash at the `turn`-th call of a step, before or after it is `done`."""
    function, calls = step.function, 0

    def perform(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < turn:
            return function(*args, **options)
        if done:
            function(*args, **options)
        raise Crashed

    with patch.context() as patched, suppress(Crashed):
        replace_step(patched, step, perform)
        yield
        raise AssertionError("it did not crash")


@pytest.mark.parametrize("is_saved", [False, True], ids=["unsaved", "saved"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[f"{step}-{turn}" for step, turn in STEPS])
def test_a_merge_that_crashes_anywhere_moves_every_unit_once_when_it_is_repeated(
    step: tuple[Step, int],
    done: bool,
    is_lost: bool,
    is_saved: bool,
    scene: Scene,
    redis_server: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with crash(monkeypatch, *step, done=done):
        scene.run()
    if is_saved:
        save_all()
    if is_lost:
        redis_server.flushdb()

    scene.merge()

    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []
    save_all()
    redis_server.flushdb()
    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []


@pytest.mark.parametrize("is_lost", [False, True], ids=["kept", "lost"])
@pytest.mark.parametrize("first", ["guest", "user"])
def test_losing_the_hashes_after_either_cart_was_saved_alone_keeps_units_exact(
    first: str, is_lost: bool, scene: Scene, redis_server: Redis
) -> None:
    scene.merge()
    saved = scene.guest if first == "guest" else scene.user
    merging.save_cart(owner=owner_of(saved), source="test")
    if is_lost:
        redis_server.flushdb()

    scene.merge()

    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []


@pytest.mark.parametrize("lost_before", [APPLY_MERGE, FINISH_MERGE], ids=str)
def test_losing_the_hashes_during_a_merge_refuses_it_or_finishes_it(
    lost_before: Step, scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_before_next(monkeypatch, lost_before, redis_server.flushdb)

    scene.merge()
    scene.merge()

    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []


def test_a_merge_that_ends_late_leaves_what_the_guest_handed_over_since(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = SkuFactory.create()

    def merge_again() -> None:
        """Another request finishes this merge, and the next one gets as far as its first step."""
        scene.merge()
        scene.guest.add(new, 5)
        store.begin_merge(owner_of(scene.guest), Handover(scene.user.owner_id, "sum"))

    act_before_next(monkeypatch, FINISH_MERGE, merge_again)
    scene.run()

    scene.merge()

    assert quantities_of(scene.user.cart()) == {**scene.merged, new.id: 5}


def test_a_hash_lost_right_after_the_handover_leaves_the_guests_lines_alone(
    scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        act_after(patch, BEGIN_MERGE, redis_server.flushdb)
        with pytest.raises(CartContended):
            scene.run()

    assert quantities_of(scene.guest.cart()) == {scene.theirs.id: 2, scene.both.id: 3}
    assert quantities_of(scene.user.cart()) == {scene.both.id: 4}


def test_a_hash_lost_and_restored_right_after_the_handover_is_handed_over_anew(
    scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_and_look() -> None:
        redis_server.flushdb()
        assert len(scene.guest.cart()["items"]) == 2

    act_after_next(monkeypatch, BEGIN_MERGE, lose_and_look)
    scene.run()

    scene.merge()

    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []


@pytest.mark.parametrize("has_next", [False, True], ids=["", "next cart"])
def test_lines_bought_after_a_merge_do_not_return_when_the_hashes_are_lost(
    has_next: bool, scene: Scene, redis_server: Redis
) -> None:
    scene.merge()
    place_order(scene.user)
    redis_server.flushdb()
    expected = {}
    if has_next:
        scene.user.add(scene.theirs, 1)
        expected = {scene.theirs.id: 1}

    # The guest's copy still says that its lines are on their way.
    assert merging.finish_stalled_merges(begun_before=timezone.now() + timedelta(minutes=1)) == 1

    assert quantities_of(scene.user.cart()) == expected
    assert scene.guest.cart()["items"] == []


def test_a_merge_that_can_take_nothing_over_ends_where_the_user_has_no_cart(
    guest: Shopper, user: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create(purchase_limit=2)
    buy(user, sku, 2)
    redis_server.flushdb()
    guest.add(sku, 1)

    merged = user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert merged["merge"]["skipped"] == [
        {"skuId": sku.id, "requested": 1, "reason": "purchase_limit_exceeded"}
    ]
    assert merged["items"] == user.cart()["items"] == []
    assert quantities_of(guest.add(sku, 2)) == {sku.id: 2}


def test_marks_of_merged_carts_are_saved_with_the_user(scene: Scene, redis_server: Redis) -> None:
    scene.merge()
    save_all()

    row = Cart.objects.get(user_id=scene.user.owner_id)

    assert len(row.merged) == 12
    assert saved_units(scene.guest) == {}


def test_a_cart_remembers_its_last_merges_only(user: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    for number in range(6):
        guest = new_guest()
        guest.add(sku, 1)
        assert user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
        marks = hash_of(redis_server, user)[b"@merged"].split(b",")
        assert len(marks) == min(number + 1, 4)

    assert quantities_of(user.cart()) == {sku.id: 6}


def test_a_handover_is_unsaved_until_the_guests_copy_has_it(
    scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crash(monkeypatch, BEGIN_MERGE, done=True):
        scene.run()

    assert is_unsaved(redis_server, scene.guest)
    save_all()

    assert row_of(scene.guest).handover == f"{scene.user.owner_id}:sum"


def test_the_sweep_forgets_a_merge_that_is_over(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    redis_server.zadd("cart:merging", {cart_key(owner_of(guest)): 1})

    assert merging.finish_stalled_merges(begun_before=timezone.now()) == 0

    assert redis_server.zcard("cart:merging") == 0


def test_a_merge_that_cannot_be_finished_does_not_hold_up_the_others(
    user: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku, guests = SkuFactory.create(), [new_guest() for _ in range(3)]
    for guest in guests:
        guest.add(sku, 2)
        store.begin_merge(owner_of(guest), Handover(user.owner_id, "sum"))
    finish = merging.finish_handover

    def fail_for_one(guest_cart: GuestCart, context: ChangeContext) -> None:
        if guest_cart.owner == owner_of(guests[0]):
            raise ZeroDivisionError
        finish(guest_cart, context)

    monkeypatch.setattr(merging, "finish_handover", fail_for_one)

    with grows("cart_job_failures_total", job="finish_merges", by=1):
        finished = merging.finish_stalled_merges(begun_before=timezone.now() + timedelta(minutes=1))

    assert finished == 2
    assert quantities_of(user.cart()) == {sku.id: 4}


def test_merges_that_wait_do_not_hide_those_begun_after_them(redis_server: Redis) -> None:
    guests = [CartOwner.for_guest(f"guest-{number:04}") for number in range(1_500)]
    redis_server.zadd("cart:merging", {cart_key(guest): 1 for guest in guests})

    assert len(bulk.list_merging("", begun_before=timezone.now())) == 1_500


@pytest.mark.parametrize("is_lost", [False, True], ids=["kept", "lost"])
def test_the_sweep_finishes_a_merge_that_stopped(
    is_lost: bool, scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crash(monkeypatch, APPLY_MERGE, done=False):
        scene.run()
    if is_lost:
        redis_server.flushdb()
    now = timezone.now()

    too_early = merging.finish_stalled_merges(begun_before=now - timedelta(minutes=1))
    finished = merging.finish_stalled_merges(begun_before=now + timedelta(minutes=1))
    again = merging.finish_stalled_merges(begun_before=now + timedelta(minutes=1))

    assert (too_early, finished, again) == (0, 1, 0)
    assert quantities_of(scene.user.cart()) == scene.merged
    assert scene.guest.cart()["items"] == []
    assert redis_server.zcard("cart:merging") == 0


def test_the_task_leaves_a_merge_alone_that_may_be_under_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crash(monkeypatch, APPLY_MERGE, done=False):
        scene.run()

    tasks.finish_merges()

    assert quantities_of(scene.user.cart()) == {scene.both.id: 4}


def test_a_merge_that_cannot_be_finished_does_not_stop_the_others(
    scene: Scene, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopeless = Scene(new_guest(), new_user(), scene.theirs, scene.both)
    hopeless.guest.add(hopeless.theirs)
    spoiled = Scene(new_guest(), new_user(), scene.theirs, scene.both)
    spoiled.guest.add(spoiled.theirs)
    for each in (scene, hopeless, spoiled):
        with crash(monkeypatch, BEGIN_MERGE, done=True):
            each.run()
    redis_server.set(cart_key(owner_of(hopeless.user)), "not a cart")
    redis_server.hset(cart_key(owner_of(spoiled.guest)), "@version", "none")

    finished = merging.finish_stalled_merges(begun_before=timezone.now() + timedelta(minutes=1))

    assert finished == 1
    assert quantities_of(scene.user.cart()) == scene.merged
