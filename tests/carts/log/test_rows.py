"""The change log: every change once, from the stream to a row, whatever fails in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live import store
from carts.live.gauges import read_gauges
from carts.live.keys import shard_prefixes
from carts.live.store import ChangeContext, UnitsToAdd
from carts.log import stream
from carts.log.rows import Drained, drain_streams, purge_log
from carts.models import CartChange, Publication, UnreadableChange
from config.hashing import hash_secret
from products.models import Sku
from tests.accounts.api.test_login import without_redis
from tests.carts.log.entries import ENTRY, STREAM, changes_of, write_entries, write_entry
from tests.carts.shopper import Shopper, addition_of, item_id, line_of
from tests.factories import SkuFactory
from tests.steps import DROP_CHANGES, act_before, act_before_next

pytestmark = pytest.mark.django_db


def do_nothing(shopper: Shopper, sku: Sku) -> None:
    """Leave the cart as it is."""


def add_two_more(shopper: Shopper, sku: Sku) -> None:
    shopper.add(sku, 2)


def set_five(shopper: Shopper, sku: Sku) -> None:
    shopper.data("PUT", f"/cart/item/{item_id(shopper.cart(), sku)}", {"quantity": 5})


def deselect(shopper: Shopper, sku: Sku) -> None:
    shopper.data("PUT", f"/cart/item/{item_id(shopper.cart(), sku)}", {"selected": False})


def deselect_all(shopper: Shopper, sku: Sku) -> None:
    shopper.data("PUT", "/cart/selection", {"all": True, "selected": False})


def remove(shopper: Shopper, sku: Sku) -> None:
    shopper.data("DELETE", f"/cart/item/{item_id(shopper.cart(), sku)}")


def clear(shopper: Shopper, sku: Sku) -> None:
    shopper.data("DELETE", "/cart/clear")


def acknowledge_a_new_price(shopper: Shopper, sku: Sku) -> None:
    sku.price += 1
    sku.save()
    shopper.data("POST", "/cart/acknowledge")


@pytest.mark.parametrize(
    ("call", "change"),
    [
        (do_nothing, None),
        (add_two_more, ("add", 3, 5)),
        (set_five, ("update", 3, 5)),
        (deselect, ("deselect", 3, 3)),
        (deselect_all, ("deselect", 3, 3)),
        (remove, ("remove", 3, 0)),
        (clear, ("clear", 3, 0)),
        (acknowledge_a_new_price, ("acknowledge", 3, 3)),
    ],
)
def test_each_call_leaves_its_change_in_the_log(
    shopper: Shopper,
    call: Callable[[Shopper, Sku], None],
    change: tuple[str, int, int] | None,
) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 3)
    call(shopper, sku)

    drain_streams()

    logged = [(action, before, after) for action, _, before, after in changes_of(cart["id"])]
    assert logged == [("add", 0, 3), *([change] if change else [])]


def test_a_row_says_who_what_when_and_how(user: Shopper) -> None:
    sku = SkuFactory.create()
    cart = user.data("POST", "/cart", addition_of(sku, 2), X_Request_ID="from-the-shop")

    drain_streams()

    row = CartChange.objects.get()
    assert (row.cart_id, row.version) == (cart["id"], cart["version"])
    assert (row.owner_kind, row.owner_id) == ("user", user.owner_id)
    assert (row.action, row.sku_id, row.before, row.after) == ("add", sku.pk, 0, 2)
    assert (row.actor, row.source, row.request_id) == ("", "api", "from-the-shop")
    assert row.at == datetime.fromtimestamp(int(row.stream_id.split("-")[0]) / 1000, UTC)
    assert abs(timezone.now() - row.at) < timedelta(seconds=10)


def test_a_guest_id_is_never_in_the_log(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    write_entries(redis_server, 1, key=f"cart:guest:{guest.owner_id}", before="many")
    write_entries(redis_server, 1, key=f"cart:{guest.owner_id}")

    drain_streams()

    rows = [*CartChange.objects.values(), *UnreadableChange.objects.values()]
    assert len(rows) == 3
    assert guest.owner_id not in str(rows)
    assert CartChange.objects.get().owner_id == hash_secret(f"guest:{guest.owner_id}")


def test_a_merge_is_logged_on_both_sides(guest: Shopper, user: Shopper) -> None:
    ours, theirs = SkuFactory.create_batch(2)
    user.add(ours, 1)
    guest.add(ours, 2)
    guest_cart = guest.add(theirs, 4)
    cart = user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    drain_streams()

    assert changes_of(guest_cart["id"])[2:] == [
        ("hand_over", ours.pk, 2, 0),
        ("hand_over", theirs.pk, 4, 0),
    ]
    assert changes_of(cart["id"])[1:] == [
        ("merge", ours.pk, 1, 3),
        ("merge", theirs.pk, 0, 4),
    ]
    merged = CartChange.objects.filter(action__in=["merge", "hand_over"])
    assert set(merged.values_list("owner_kind", "actor", "source")) == {
        ("user", "", "merge"),
        ("guest", user.owner_id, "merge"),
    }
    assert len(set(merged.values_list("request_id"))) == 1


def test_the_log_of_a_cart_adds_up_to_the_cart(user: Shopper, guest: Shopper) -> None:
    skus = SkuFactory.create_batch(4)
    for sku, quantity in zip(skus, (1, 2, 3, 4), strict=True):
        user.add(sku, quantity)
        guest.add(sku, 10)
    remove(user, skus[0])
    set_five(user, skus[1])
    cart = user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    drain_streams()

    replayed: dict[str, int] = {}
    for _, sku_id, before, after in changes_of(cart["id"]):
        assert replayed.get(sku_id, 0) == before
        replayed[sku_id] = after
    assert replayed == {sku.pk: line_of(cart, sku)["quantity"] for sku in skus}


def test_a_drain_empties_the_stream_and_another_finds_nothing(redis_server: Redis) -> None:
    write_entries(redis_server, 1_234)

    first, second = drain_streams(), drain_streams()

    assert first == Drained(kept=1_234, set_aside=0, lost=0)
    assert second == Drained(kept=0, set_aside=0, lost=0)
    assert redis_server.xlen(STREAM) == 0
    versions = CartChange.objects.order_by("pk").values_list("version", flat=True)
    assert list(versions) == list(range(1, 1_235))


def test_every_shard_is_drained(settings: Settings, redis_server: Redis) -> None:
    settings.CART_SHARDS = 3
    sku = SkuFactory.create()
    # The shard follows from the id; twelve ids by chance would leave one empty in some runs.
    for guest_id in [f"guest-{number:011d}" for number in range(12)]:
        Shopper(guest_id, {"X-Guest-ID": guest_id}).add(sku)
    lengths = [redis_server.xlen(f"{prefix}{STREAM}") for prefix in shard_prefixes()]

    drained = drain_streams()

    assert (len(lengths), sum(lengths), min(lengths) > 0) == (3, 12, True)
    assert drained.kept == CartChange.objects.count() == 12


@pytest.fixture
def _dying_before_the_drop(monkeypatch: pytest.MonkeyPatch, redis_server: Redis) -> None:
    """Have the first drain die after its rows are written, the next ones not."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    act_before_next(monkeypatch, DROP_CHANGES, die)
    write_entries(redis_server, 700)
    with pytest.raises(Killed):
        drain_streams()


@pytest.mark.usefixtures("_dying_before_the_drop")
def test_changes_written_by_a_drain_that_died_are_not_written_again() -> None:
    before = CartChange.objects.count()

    drain_streams()

    assert (before, CartChange.objects.count()) == (500, 700)


@pytest.mark.usefixtures("_dying_before_the_drop")
def test_without_the_constraint_a_drain_that_died_leaves_changes_twice() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE carts_cartchange DROP CONSTRAINT cartchange_once")

    drain_streams()

    assert CartChange.objects.count() == 1_200


def drop_field(name: str) -> dict[Any, Any]:
    return {key: value for key, value in ENTRY.items() if key != name}


UNREADABLE = {
    "no cart": (drop_field("cart"), "cart is missing"),
    "no fields": ({"nonsense": "1"}, "key is missing"),
    "not UTF-8": ({**ENTRY, "sku": b"\xff\xfe"}, "sku is malformed"),
    "not a number": ({**ENTRY, "before": "1.5"}, "before is malformed"),
    "no owner": ({**ENTRY, "key": "cart:nobody:17"}, "key is malformed"),
    "NUL": ({**ENTRY, "actor": "a\0b"}, "Unicode"),
    "too long": ({**ENTRY, "sku": "s" * 65}, "too long"),
    "negative": ({**ENTRY, "after": -1}, "after is malformed"),
    "too large": ({**ENTRY, "after": 2**31}, "out of range"),
    "much too large": ({**ENTRY, "version": 2**63}, "version is malformed"),
}


@pytest.mark.parametrize(("entry", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_one_bad_entry_in_a_thousand_is_set_aside_and_the_others_are_kept(
    redis_server: Redis, caplog: pytest.LogCaptureFixture, entry: Any, reason: str
) -> None:
    write_entries(redis_server, 617)
    bad_id = write_entry(redis_server, entry)
    write_entries(redis_server, 382, cart="d" * 24)

    first, second = drain_streams(), drain_streams()

    assert first == Drained(kept=999, set_aside=1, lost=0)
    assert second == Drained(kept=0, set_aside=0, lost=0)
    assert CartChange.objects.count() == 999
    assert redis_server.xlen(STREAM) == 0
    aside = UnreadableChange.objects.get()
    assert (aside.shard, aside.stream_id) == ("", bad_id)
    assert reason in aside.reason
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert bad_id in caplog.text


def test_an_entry_set_aside_keeps_its_fields(redis_server: Redis) -> None:
    write_entry(redis_server, {**ENTRY, "sku": b"\xff", "source": "a\0b", "actor": "x" * 300})

    drain_streams()

    entry = UnreadableChange.objects.get().entry
    assert entry["sku"] == "\\xff"
    assert entry["source"] == "a\\x00b"
    assert entry["actor"] == "x" * 200
    assert entry["request"] == ENTRY["request"]
    assert entry["key"] == hash_secret(ENTRY["key"])


def test_a_stream_nobody_drains_stays_bounded_and_its_losses_are_told_once(
    redis_server: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CART_CHANGES_MAX = 10_000
    owner = CartOwner.for_guest("guest-12345678")
    cart = Cart("c" * 24, owner, version=0, created_ms=0, updated_ms=0)
    context = ChangeContext(source="api")
    lines = [
        UnitsToAdd(f"sku-{n}", units=1, highest=1, selected=True, revision=1) for n in range(200)
    ]
    store.add_units(cart, context, lines)
    cart = replace(cart, version=1)
    for number in range(999):
        store.select_lines(cart, context, selected=number % 2 == 1)
    length = redis_server.xlen(STREAM)

    first, second = drain_streams(), drain_streams()

    assert redis_server.xinfo_stream(STREAM)["entries-added"] == 200_000
    assert 10_000 <= length < 10_200
    assert (redis_server.memory_usage(STREAM, samples=0) or 0) < 2_000_000
    assert first == Drained(kept=length, set_aside=0, lost=200_000 - length)
    assert second == Drained(kept=0, set_aside=0, lost=0)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_entries_cut_off_after_they_were_kept_are_not_lost(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off() -> None:
        redis_server.xtrim(STREAM, maxlen=100, approximate=False)

    act_before(monkeypatch, DROP_CHANGES, cut_off)
    write_entries(redis_server, 700)

    drained = drain_streams()

    # The first batch of 500 had been kept. Of the 200 behind it, 100 were cut off unread.
    assert drained == Drained(kept=600, set_aside=0, lost=100)


def test_entries_dropped_by_two_drains_are_counted_once(redis_server: Redis) -> None:
    write_entries(redis_server, 3)
    entries = stream.read_changes("", count=10)

    told = [stream.drop_changes("", entries[:count]) for count in (2, 3, 3)]

    assert told == [0, 0, 0]
    assert (read_gauges().drained_changes, read_gauges().lost_changes) == (3, 0)


@pytest.mark.parametrize("later", [3, 0])
def test_a_redis_emptied_between_reading_and_dropping_loses_no_row(
    later: int, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wipe() -> None:
        redis_server.flushdb()
        write_entries(redis_server, later, cart="d" * 24)

    act_before_next(monkeypatch, DROP_CHANGES, wipe)
    write_entries(redis_server, 500)

    drained = drain_streams()

    assert drained.kept == CartChange.objects.count() == 500 + later
    assert redis_server.xlen(STREAM) == 0


def test_without_redis_nothing_is_drained_and_nothing_lost(redis_server: Redis) -> None:
    write_entries(redis_server, 3)

    with without_redis("carts"), pytest.raises(CartStoreUnavailable):
        drain_streams()
    after = drain_streams()

    assert after == Drained(kept=3, set_aside=0, lost=0)


def test_without_the_database_the_stream_keeps_its_entries(redis_server: Redis) -> None:
    def refuse(*_: Any) -> Any:
        raise OperationalError("the connection is closed")

    write_entries(redis_server, 3)

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        drain_streams()
    length = redis_server.xlen(STREAM)
    after = drain_streams()

    assert length == 3
    assert after == Drained(kept=3, set_aside=0, lost=0)


def test_rows_older_than_the_retention_are_purged(redis_server: Redis, settings: Settings) -> None:
    settings.CART_CHANGES_RETENTION_DAYS = 30
    write_entries(redis_server, 5)
    write_entries(redis_server, 2, before="many")
    drain_streams()
    now = timezone.now()

    early = purge_log(now=now + timedelta(days=29, hours=23))
    late = purge_log(now=now + timedelta(days=30, hours=1))

    assert (early, late) == (0, 5)
    assert (CartChange.objects.count(), UnreadableChange.objects.count()) == (0, 0)


def test_a_retention_of_0_keeps_everything(redis_server: Redis, settings: Settings) -> None:
    settings.CART_CHANGES_RETENTION_DAYS = 0
    write_entries(redis_server, 5)
    drain_streams()

    purged = purge_log(now=timezone.now() + timedelta(days=3_650))

    assert (purged, CartChange.objects.count()) == (0, 5)


def test_what_has_yet_to_be_published_is_not_purged(
    redis_server: Redis, settings: Settings
) -> None:
    settings.CART_EVENTS_KAFKA = "127.0.0.1:1"
    write_entries(redis_server, 5)
    drain_streams()
    third = CartChange.objects.order_by("pk")[2]
    later = timezone.now() + timedelta(days=3_650)

    unpublished = purge_log(now=later)
    Publication.objects.create(channel=Publication.KAFKA, last_id=third.pk)
    published = purge_log(now=later)

    assert (unpublished, published) == (0, 3)
    assert CartChange.objects.filter(pk__gt=third.pk).count() == 2
