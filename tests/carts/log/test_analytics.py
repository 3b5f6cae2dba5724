"""What the shop learns from the change log and the saved carts."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from carts.log.analytics import (
    ActivityFigures,
    CartFigures,
    DayFigures,
    SkuFigures,
    analyse_carts,
    count_carts,
    count_hours,
)
from carts.log.rows import drain_streams
from carts.models import Cart
from products.models import Sku
from tests.carts.log.entries import ENTRY, STREAM
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import Shopper, item_id, new_guest
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
_sequence = count()


def log(redis: Redis, *, days_ago: float = 0, **fields: Any) -> None:
    """Add a change of some time before NOW to the log."""
    at_ms = int((NOW - timedelta(days=days_ago)).timestamp() * 1_000)
    # A stream takes no entry older than its last, so each has a stream of its own.
    redis.delete(STREAM)
    redis.xadd(STREAM, ENTRY | fields, id=f"{at_ms}-{next(_sequence)}")
    drain_streams()


def days_of(days: int) -> tuple[DayFigures, ...]:
    return analyse_carts(now=NOW, days=days, top=5, idle=timedelta(days=1)).days


def test_each_day_has_its_own_figures(redis_server: Redis) -> None:
    log(redis_server, days_ago=2, action="add", before=0, after=3)
    log(redis_server, days_ago=2, action="add", before=3, after=5, version=2)
    log(redis_server, days_ago=2, action="add", before=0, after=1, cart="d" * 24)
    log(redis_server, days_ago=0, action="remove", before=5, after=0, version=3)
    log(redis_server, days_ago=0, action="clear", before=2, after=0, version=4)

    days = days_of(3)

    assert [figures.day.isoformat() for figures in days] == [
        "2026-03-08",
        "2026-03-09",
        "2026-03-10",
    ]
    assert days[0] == DayFigures(days[0].day, carts=2, adds=3, added_units=6)
    assert days[1] == DayFigures(days[1].day)
    assert days[2] == DayFigures(days[2].day, removes=2, removed_units=7)


def test_a_day_begins_at_midnight_utc(redis_server: Redis) -> None:
    log(redis_server, days_ago=15.5 / 24, action="add")
    log(redis_server, days_ago=15.51 / 24, action="add", version=2)

    assert [figures.adds for figures in days_of(2)] == [1, 1]
    assert [figures.adds for figures in days_of(1)] == [1]


def test_a_merge_and_an_order_of_several_lines_count_once(redis_server: Redis) -> None:
    for sku in "abc":
        log(redis_server, action="merge", sku=sku, source="merge", version=5)
        log(redis_server, action="hand_over", sku=sku, source="merge", cart="g" * 24)
        log(redis_server, action="purchase", sku=sku, source="order", before=1, after=0, version=6)
    log(redis_server, action="purchase", source="order", before=1, after=0, version=7)

    (today,) = days_of(1)

    assert today == DayFigures(today.day, merges=1, conversions=2)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "add", "source": "order"},
        {"action": "update", "before": 1, "after": 9},
        {"action": "select", "before": 1, "after": 1},
        {"action": "acknowledge", "before": 1, "after": 1},
    ],
)
def test_what_is_neither_added_nor_removed_by_choice_is_not_counted(
    redis_server: Redis, change: dict[str, Any]
) -> None:
    log(redis_server, **change)

    (today,) = days_of(1)

    assert today == DayFigures(today.day)


def test_each_hour_has_its_own_figures(redis_server: Redis) -> None:
    hour = NOW.replace(minute=0)
    log(redis_server, days_ago=1 / 24, action="add")
    log(redis_server, action="add", version=2)
    log(redis_server, action="clear", before=2, after=0, version=3)
    for sku in "ab":
        log(redis_server, action="purchase", sku=sku, source="order", version=4)

    hours = count_hours(start=hour - timedelta(hours=2), end=hour + timedelta(hours=1))

    assert hours == (
        ActivityFigures(hour - timedelta(hours=2)),
        ActivityFigures(hour - timedelta(hours=1), adds=1),
        ActivityFigures(hour, adds=1, removes=1, conversions=1),
    )
    assert count_hours(start=hour - timedelta(hours=2), end=hour) == hours[:2]


def test_recent_hours_are_read_by_the_index_of_times() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FILL_LOG)
        cursor.execute("ANALYZE carts_cartchange")
    with CaptureQueriesContext(connection) as queries:
        hours = count_hours(start=NOW - timedelta(minutes=30), end=NOW + timedelta(minutes=30))

    plans = [explain(query["sql"]) for query in queries]

    assert [each.adds for each in hours] == [60]
    assert len(plans) == 2
    assert all("cartchange_at" in plan for plan in plans), plans


# A change each minute of two weeks.
_FILL_LOG = """
INSERT INTO carts_cartchange (stream_id, cart_id, owner_kind, owner_id, action, sku_id, before,
                              after, version, actor, source, request_id, at)
SELECT n, 'c', 'guest', 'g', 'add', 's', 0, 1, n, '', 'api', 'r',
       timestamptz '2026-03-10 16:00Z' - n * interval '1 minute'
FROM generate_series(1, 20160) AS n
"""


def explain(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_carts_are_counted_with_what_is_in_those_changed_since(
    guest: Shopper, user: Shopper
) -> None:
    cheap, dear = SkuFactory.create(price="10.00"), SkuFactory.create(price="99.50")
    guest.add(cheap, 3)
    user.add(dear, 2)
    new_guest().add(cheap, 1)
    save_all()
    old = Cart.objects.filter(items__quantity=1)
    old.update(updated_at=NOW, expires_at=NOW + timedelta(days=30))
    midnight = timezone.now() - timedelta(hours=1)

    figures = count_carts(since=midnight)

    assert figures == CartFigures(alive=3, changed=2, worth=Decimal("229.00"))
    assert count_carts(since=timezone.now() + timedelta(hours=1)).worth == 0


def figures_of(sku: Sku, *, units: int, carts: int) -> SkuFigures:
    return SkuFigures(sku.pk, sku.code, sku.product.name, units=units, carts=carts)


def test_the_skus_most_added_come_first() -> None:
    rare, popular, common = SkuFactory.create_batch(3)
    for quantities in ((1, 5, 2), (0, 5, 2)):
        guest = new_guest()
        for sku, quantity in zip((rare, popular, common), quantities, strict=True):
            if quantity:
                guest.add(sku, quantity)
    drain_streams()

    found = analyse_carts(now=timezone.now(), days=1, top=2, idle=timedelta(days=1))

    assert found.most_added == (
        figures_of(popular, units=10, carts=2),
        figures_of(common, units=4, carts=2),
    )


def test_a_sku_that_is_gone_is_listed_without_a_name(redis_server: Redis) -> None:
    log(redis_server, sku="s" * 24, before=0, after=2)

    found = analyse_carts(now=NOW, days=1, top=5, idle=timedelta(days=1))

    assert found.most_added == (SkuFigures("s" * 24, "", "", units=2, carts=1),)


def test_abandoned_is_what_lies_in_carts_that_nobody_touches(guest: Shopper, user: Shopper) -> None:
    left, kept, bought = SkuFactory.create_batch(3)
    guest.add(left, 4)
    user.add(left, 1)
    cart = user.add(bought, 2)
    user.data("DELETE", f"/cart/item/{item_id(cart, bought)}")
    new_guest().add(kept, 7)
    save_all()
    two_days_ago = timezone.now() - timedelta(days=2)
    Cart.objects.exclude(items__sku=kept).update(updated_at=two_days_ago)

    found = analyse_carts(now=timezone.now(), days=7, top=5, idle=timedelta(days=1))
    later = analyse_carts(
        now=timezone.now() + timedelta(days=30), days=7, top=5, idle=timedelta(days=1)
    )

    assert found.most_abandoned == (figures_of(left, units=5, carts=2),)
    assert later.most_abandoned == ()
    assert analyse_carts(now=timezone.now(), days=7, top=5, idle=timedelta()).most_abandoned == (
        figures_of(kept, units=7, carts=1),
        figures_of(left, units=5, carts=2),
    )


def run(*words: str) -> str:
    output = io.StringIO()
    call_command("cart_analytics", *words, stdout=output)
    return output.getvalue()


def test_the_command_prints_json(guest: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 3)
    drain_streams()

    printed = json.loads(run("--days", "2", "--json"))

    assert [day["adds"] for day in printed["days"]] == [0, 1]
    assert printed["days"][1] == {
        "day": timezone.now().date().isoformat(),
        "carts": 1,
        "adds": 1,
        "addedUnits": 3,
        "removes": 0,
        "removedUnits": 0,
        "merges": 0,
        "conversions": 0,
    }
    assert printed["mostAdded"] == [
        {"skuId": sku.pk, "code": sku.code, "product": sku.product.name, "units": 3, "carts": 1}
    ]
    assert printed["mostAbandoned"] == []


def test_the_command_prints_a_table(guest: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 3)
    drain_streams()

    lines = run("--days", "1").splitlines()

    assert lines[0].split() == [
        "day", "carts", "adds", "added", "units", "removes", "removed", "units", "merges",
        "conversions",
    ]  # fmt: skip
    assert lines[1].split() == [timezone.now().date().isoformat(), *list("1130000")]
    assert lines[3] == "most added"
    assert sku.code in lines[4]
    assert lines[6:] == ["most abandoned", "  none"]


@pytest.mark.parametrize("words", ["--days 0", "--days 367", "--days x", "--top 0", "--days -1"])
def test_the_command_refuses_numbers_out_of_range(words: str) -> None:
    with pytest.raises(CommandError, match="must be 1 to"):
        run(*words.split())
