"""The admin's first page."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings
from redis import Redis

from carts.live.gauges import read_gauges
from carts.log.analytics import ActivityFigures
from carts.log.rows import drain_streams
from carts.models import Cart, UnreadableChange
from config.admin import figures
from config.admin.charts import draw_lines
from config.admin.dashboard import Dashboard, describe_shop
from config.admin.figures import Remembered
from config.admin.health import list_checks
from orders.models import Payment
from products.models import Sku
from tests.accounts.factories import PASSWORD, StaffFactory
from tests.carts.factories import CartChangeFactory
from tests.carts.log.entries import write_entries
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import new_guest
from tests.config.admin.staff import sign_in, sign_in_superuser
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
ADMIN = "/admin/"
LOOK = "carts.view_cart"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    figures.forget_figures()


def show(client: Client) -> Dashboard:
    dashboard = client.get(ADMIN).context["dashboard"]
    assert isinstance(dashboard, Dashboard)
    return dashboard


def read_cards(dashboard: Dashboard) -> dict[str, str]:
    return {card.title: card.figure for card in dashboard.cards}


def read_checks(dashboard: Dashboard) -> dict[str, tuple[str, str]]:
    return {check.title: (check.text, check.level) for check in dashboard.checks}


def test_the_cards_tell_of_carts_and_of_today() -> None:
    cheap, dear = SkuFactory.create(price=Decimal("10.00")), SkuFactory.create(price=1_500)
    saved, unsaved = new_guest(), new_guest()
    saved.add(cheap, 3)
    saved.add(dear, 1)
    item = saved.data("GET", "/cart")["items"][0]["id"]
    saved.data("DELETE", f"/cart/item/{item}")
    save_all()
    unsaved.add(cheap, 1)
    drain_streams()

    cards = read_cards(show(sign_in(LOOK)))

    assert cards == {
        "Live carts": "1",
        "Carts today": "1",
        "Value today": "1,500",
        "Unsaved carts": "1",
        "Additions today": "3",
        "Orders today": "0",
    }


def test_the_charts_have_every_hour_and_day_to_now() -> None:
    CartChangeFactory.create(at=NOW)
    CartChangeFactory.create(at=NOW - timedelta(hours=47))
    CartChangeFactory.create(at=NOW - timedelta(hours=48))
    CartChangeFactory.create(at=NOW - timedelta(days=29), action="remove")
    CartChangeFactory.create(at=NOW - timedelta(days=30))
    CartChangeFactory.create(
        at=NOW - timedelta(days=1), action="purchase", source="order", before=1, after=0
    )

    by_hour, by_day = describe_shop(now=NOW, links_skus=False).charts

    hours, days = json.loads(by_hour.data), json.loads(by_day.data)
    assert (hours["labels"][0], hours["labels"][-1]) == ("03-08 16:00", "03-10 15:00")
    assert (days["labels"][0], days["labels"][-1]) == ("02-09", "03-10")
    assert [sum(line["data"]) for line in hours["datasets"]] == [2, 0, 1]
    assert [sum(line["data"]) for line in days["datasets"]] == [3, 1, 1]
    assert (len(by_hour.rows), len(by_day.rows)) == (48, 30)
    assert by_hour.rows[0] == ("03-10 15:00", 1, 0, 0)
    assert by_day.rows[1] == ("03-09", 0, 0, 1)


def test_a_chart_has_its_figures_as_a_table_below_it() -> None:
    CartChangeFactory.create(at=timezone.now(), after=7)

    html = sign_in(LOOK).get(ADMIN).content.decode()

    assert html.count("<canvas") == html.count("<details>") == 2
    assert html.count('role="img" aria-label="By ') == 2
    assert html.count('<th scope="row">') == 48 + 30 + 1


def read_skus(dashboard: Dashboard) -> list[list[tuple[str, str, str]]]:
    return [
        [(row.code, row.units, row.carts) for row in table.rows or []] for table in dashboard.tables
    ]


def test_the_skus_most_added_and_most_abandoned_are_listed_and_linked() -> None:
    left, kept = SkuFactory.create(code="LEFT"), SkuFactory.create(code="KEPT")
    new_guest().add(left, 4)
    save_all()
    two_days = timedelta(days=2)
    drain_streams()
    now = timezone.now() + two_days
    new_guest().add(kept, 1)

    dashboard = describe_shop(now=now, links_skus=True)

    assert read_skus(dashboard) == [[("LEFT", "4", "1")], [("LEFT", "4", "1")]]
    assert dashboard.tables[0].rows is not None
    assert dashboard.tables[0].rows[0].url == f"/admin/products/sku/{left.pk}/change/"


def test_who_may_not_see_skus_gets_no_links_to_them() -> None:
    sku = SkuFactory.create()
    CartChangeFactory.create(at=timezone.now(), sku_id=sku.pk)

    link = f"/admin/products/sku/{sku.pk}/change/"

    assert link not in sign_in(LOOK).get(ADMIN).content.decode()
    assert link in sign_in(LOOK, "products.view_sku").get(ADMIN).content.decode()


def test_who_may_not_see_carts_sees_no_figures() -> None:
    CartChangeFactory.create(at=timezone.now())

    response = sign_in("orders.view_order").get(ADMIN)

    assert "dashboard" not in response.context
    assert "staff-card" not in response.content.decode()
    assert "/admin/orders/order/" in response.content.decode()


def test_an_empty_shop_has_an_empty_dashboard() -> None:
    response = sign_in_superuser().get(ADMIN)

    dashboard = response.context["dashboard"]
    assert set(read_cards(dashboard).values()) == {"0"}
    assert response.content.decode().count("Nothing yet.") == 2
    assert [len(chart.rows) for chart in dashboard.charts] == [48, 30]


def test_without_the_live_store_the_page_says_so_and_shows_the_rest(settings: Settings) -> None:
    new_guest().add(SkuFactory.create(), 1)
    save_all()
    drain_streams()
    caches = copy.deepcopy(settings.CACHES)
    for cache in caches.values():
        cache["LOCATION"] = "redis://127.0.0.1:1/0"
    settings.CACHES = caches

    dashboard = show(sign_in(LOOK))

    assert read_cards(dashboard)["Unsaved carts"] == ""
    assert read_cards(dashboard)["Live carts"] == "1"
    assert read_cards(dashboard)["Additions today"] == "1"
    assert read_checks(dashboard)["Live store"] == ("Does not answer", "bad")
    assert read_checks(dashboard)["Database"] == ("Ready", "good")


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Keep everybody else from reading a table."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()
    finally:
        other.close()


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        ("carts_cartchange", {"Additions today", "Orders today"}),
        ("carts_cart", {"Live carts", "Carts today", "Value today"}),
    ],
)
def test_what_cannot_be_read_in_time_is_said_to_be_so_and_the_rest_shown(
    monkeypatch: pytest.MonkeyPatch, table: str, lost: set[str]
) -> None:
    monkeypatch.setattr(figures, "_PATIENCE", timedelta(seconds=1))
    client = sign_in(LOOK)

    with locked(table):
        response = client.get(ADMIN)

    dashboard = response.context["dashboard"]
    assert response.status_code == 200
    assert {title for title, figure in read_cards(dashboard).items() if not figure} == lost
    assert [table.rows is None for table in dashboard.tables].count(True) == 1
    assert len(dashboard.charts) == (0 if table == "carts_cartchange" else 2)


def count_queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(ADMIN).status_code == 200
    return len(queries)


def fill_shop(skus: int) -> None:
    """Log changes of so many SKUs, and leave a cart with each untouched for two days."""
    for sku in SkuFactory.create_batch(skus):
        new_guest().add(sku, 2)
        CartChangeFactory.create(at=timezone.now() - timedelta(days=5), sku_id=sku.pk)
    save_all()
    drain_streams()
    Cart.objects.update(updated_at=timezone.now() - timedelta(days=2))


def test_it_costs_as_many_queries_for_much_as_for_little() -> None:
    client = sign_in_superuser()
    fill_shop(1)
    for_little = count_queries(client)
    fill_shop(12)
    figures.forget_figures()

    for_much = count_queries(client)

    # Session and user 2, figures 13, and for each of the three readings a savepoint of the test's
    # transaction, its release and the time it has.
    assert for_much == for_little == 24


def test_it_costs_fewer_queries_the_next_time() -> None:
    fill_shop(1)
    now = timezone.now()
    describe_shop(now=now, links_skus=True)

    with CaptureQueriesContext(connection) as queries:
        describe_shop(now=now, links_skus=True)

    assert len(queries) == 12


def receive_payment(flag: str, moment: datetime) -> None:
    Payment.objects.create(
        event_id="evt-1",
        order_reference="missing",
        amount=moment.day,
        currency="CNY",
        flag=flag,
        received_at=moment,
    )


def test_what_may_be_wrong_is_told(redis_server: Redis) -> None:
    write_entries(redis_server, 3)
    redis_server.xtrim("cart:changes", maxlen=1, approximate=False)
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(minutes=11))
    UnreadableChange.objects.create(stream_id="1-0", entry={}, reason="x")
    for days in (6, 8):
        receive_payment("event_reused", timezone.now() - timedelta(days=days))

    checks = read_checks(show(sign_in(LOOK)))

    assert checks == {
        "Live store": ("Ready", "good"),
        "Database": ("Ready", "good"),
        "Saving of carts": ("Up to date", "good"),
        "Change log": ("Up to date", "good"),
        "Carts that cannot be saved": ("None", "good"),
        "Carts that have drifted apart": ("None", "good"),
        "Changes lost before they were logged": ("2", "warning"),
        "Changes that cannot be read": ("1", "warning"),
        "Flagged payments, last 7 days": ("1", "warning"),
        "Periodic jobs": ("Last run 11\xa0minutes ago", "bad"),
    }


def test_old_unsaved_changes_and_jobs_that_never_ran_are_warned_of() -> None:
    PeriodicTask.objects.update(last_run_at=None)
    gauges = replace(
        read_gauges(), oldest_unsaved_seconds=61.0, oldest_change_seconds=7_200.0, carts_set_aside=2
    )

    checks = {
        check.title: (check.text, check.level)
        for check in list_checks(store=gauges, work=figures.read_work(NOW), now=NOW)
    }

    assert checks["Saving of carts"] == ("1\xa0minute behind", "warning")
    assert checks["Change log"] == ("2\xa0hours behind", "warning")
    assert checks["Carts that cannot be saved"] == ("2", "bad")
    assert checks["Periodic jobs"] == ("Have never run", "warning")


def test_a_chart_is_drawn_from_its_figures() -> None:
    chart = draw_lines("T", [ActivityFigures(NOW, adds=3, removes=2, conversions=1)], label="%H")

    assert (chart.title, chart.kind, chart.rows) == ("T", "line", (("15", 3, 2, 1),))
    assert [line["label"] for line in json.loads(chart.data)["datasets"]] == list(chart.headings)


def test_figures_are_remembered_for_their_lifetime_and_key() -> None:
    a, b, broken = (NOW + timedelta(days=days) for days in range(3))
    asked: list[datetime] = []

    def read(key: datetime) -> int:
        asked.append(key)
        if key == broken:
            raise LookupError
        return len(asked)

    remembered = Remembered(read, timedelta(seconds=10))
    almost, over = NOW + timedelta(seconds=9.9), NOW + timedelta(seconds=10)

    assert [remembered.get(a, now=now) for now in (NOW, almost, over, NOW)] == [1, 1, 2, 3]
    assert remembered.get(b, now=NOW) == 4
    with pytest.raises(LookupError):
        remembered.get(broken, now=NOW)
    assert remembered.get(b, now=NOW) == 4
    remembered.forget()
    assert remembered.get(b, now=NOW) == 6


def test_a_login_without_a_page_to_go_to_leads_here(client: Client) -> None:
    staff = StaffFactory.create()

    response = client.post("/admin/login/", {"username": staff.username, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, ADMIN)


def test_a_sku_that_is_gone_is_shown_by_its_id() -> None:
    CartChangeFactory.create(at=timezone.now())

    (row,) = show(sign_in_superuser()).tables[0].rows or []

    assert (row.code, row.url) == ("s" * 24, "")
    assert not Sku.objects.exists()
