"""How the staff change a stock, and what is kept of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from products.errors import StockMoved, StockTooLow
from products.models import Sku, StockChange, StockReason
from products.stock import Cause, adjust, recount
from tests.config.admin.staff import sign_in
from tests.factories import SkuFactory
from tests.products.rows import take_units
from tests.products.threads import run_together

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
CAUSE = Cause(StockReason.DELIVERY, "by lorry", "staff:s1")
LOOK = "products.view_sku"
ADJUST = "products.adjust_stock"


def read_stock(sku: Sku) -> int:
    return Sku.objects.get(pk=sku.pk).stock


def read_changes(sku: Sku) -> list[tuple[int, int, str, str]]:
    changes = StockChange.objects.filter(sku=sku).order_by("pk")
    return list(changes.values_list("before", "after", "reason", "note"))


@pytest.mark.django_db
@pytest.mark.parametrize(("units", "left"), [(3, 8), (-5, 0)])
def test_adjusting_changes_the_stock_and_keeps_a_record(units: int, left: int) -> None:
    sku = SkuFactory.create(stock=5)

    change = adjust(sku_id=sku.pk, units=units, cause=CAUSE, now=NOW)

    assert read_stock(sku) == left
    assert read_changes(sku) == [(5, left, "delivery", "by lorry")]
    assert (change.actor, change.at) == ("staff:s1", NOW)


@pytest.mark.django_db
def test_taking_out_more_than_there_is_is_refused_and_changes_nothing() -> None:
    sku = SkuFactory.create(stock=5)

    with pytest.raises(StockTooLow) as refusal:
        adjust(sku_id=sku.pk, units=-6, cause=CAUSE, now=NOW)

    assert (refusal.value.available, refusal.value.requested) == (5, 6)
    assert read_stock(sku) == 5
    assert read_changes(sku) == []


@pytest.mark.django_db
def test_a_count_is_written_as_long_as_the_stock_has_not_moved() -> None:
    sku = SkuFactory.create(stock=5)

    recount(sku_id=sku.pk, counted=7, expected=5, cause=CAUSE, now=NOW)

    assert read_stock(sku) == 7
    assert read_changes(sku) == [(5, 7, "delivery", "by lorry")]


@pytest.mark.django_db
def test_a_count_from_before_a_sale_is_refused_and_changes_nothing() -> None:
    sku = SkuFactory.create(stock=5)
    take_units(buyer="user:u1", units={sku.pk: 2})

    with pytest.raises(StockMoved) as refusal:
        recount(sku_id=sku.pk, counted=7, expected=5, cause=CAUSE, now=NOW)

    assert (refusal.value.expected, refusal.value.available) == (5, 3)
    assert read_stock(sku) == 3
    assert read_changes(sku) == []


@pytest.mark.django_db
@pytest.mark.parametrize("unknown", ["", "nobody"])
def test_an_unknown_sku_cannot_be_adjusted(unknown: str) -> None:
    with pytest.raises(Sku.DoesNotExist):
        adjust(sku_id=unknown, units=1, cause=CAUSE, now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql", ["UPDATE products_stockchange SET after = 9", "DELETE FROM products_stockchange"]
)
def test_changes_are_append_only(sql: str) -> None:
    sku = SkuFactory.create(stock=5)
    adjust(sku_id=sku.pk, units=1, cause=CAUSE, now=NOW)

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)

    assert read_changes(sku) == [(5, 6, "delivery", "by lorry")]


@pytest.mark.django_db(transaction=True)
def test_adjustments_and_sales_at_once_all_count() -> None:
    sku = SkuFactory.create(stock=100)

    def work(number: int) -> None:
        if number % 2:
            adjust(sku_id=sku.pk, units=3, cause=CAUSE, now=NOW)
            return
        with transaction.atomic():
            take_units(buyer="user:u1", units={sku.pk: 2})

    run_together(work, range(80), threads=8)

    assert read_stock(sku) == 100 + 40 * 3 - 40 * 2
    assert sum(after - before for before, after, _, _ in read_changes(sku)) == 120


def page(sku: Sku) -> str:
    return reverse("admin:products_sku_adjust_stock", args=[sku.pk])


def fill_in(**fields: Any) -> dict[str, Any]:
    form = {"how": "adjust", "units": "3", "reason": "delivery", "note": "", "expected": "5"}
    return form | fields


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"units": "3"}, 8),
        ({"units": "-5", "reason": "damage"}, 0),
        ({"how": "recount", "units": "0", "reason": "count"}, 0),
        ({"how": "recount", "units": "12", "reason": "other", "note": "found a box"}, 12),
    ],
)
def test_the_form_changes_the_stock_and_says_who_did(fields: dict[str, str], left: int) -> None:
    sku = SkuFactory.create(stock=5)
    client = sign_in(LOOK, ADJUST)

    response = client.post(page(sku), fill_in(**fields), follow=True)

    html = response.content.decode()
    assert response.redirect_chain == [(f"/admin/products/sku/{sku.pk}/change/", 302)]
    assert f"stock 5 → {left}" in html
    assert read_stock(sku) == left
    change = StockChange.objects.get()
    assert change.actor == f"staff:{response.wsgi_request.user.pk}"
    assert response.wsgi_request.user.get_username() in html
    assert LogEntry.objects.get(object_id=sku.pk).user_id == response.wsgi_request.user.pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"units": "0"}, "Nothing would change."),
        ({"units": "-6"}, "There are only 5 units left."),
        ({"units": "1.5"}, "Enter a whole number."),
        ({"units": ""}, "This field is required."),
        ({"units": "1000001"}, "less than or equal to 1000000"),
        ({"how": "recount", "units": "-1"}, "A count is 0 or more."),
        ({"how": "recount", "units": "9", "expected": "6"}, "was 6 when you opened this page"),
        ({"reason": ""}, "This field is required."),
        ({"reason": "whim"}, "Select a valid choice."),
        ({"reason": "other"}, "Say what the reason is."),
    ],
)
def test_the_form_refuses_what_cannot_be_and_says_why(fields: dict[str, str], message: str) -> None:
    sku = SkuFactory.create(stock=5)

    response = sign_in(LOOK, ADJUST).post(page(sku), fill_in(**fields))

    assert response.status_code == 200
    assert message in response.content.decode()
    assert read_stock(sku) == 5
    assert read_changes(sku) == []


@pytest.mark.django_db
def test_after_a_refused_count_the_form_takes_the_stock_as_it_is_now() -> None:
    sku = SkuFactory.create(stock=5)
    client = sign_in(LOOK, ADJUST)
    count = {"how": "recount", "units": "9", "reason": "count"}

    refused = client.post(page(sku), fill_in(**count, expected="6"))
    shown = refused.context["form"]
    again = {field.name: field.value() for field in shown}
    client.post(page(sku), again)

    assert again == fill_in(**count, expected="5")
    assert read_stock(sku) == 9


@pytest.mark.django_db
def test_adjusting_has_a_permission_of_its_own() -> None:
    sku = SkuFactory.create(stock=5)
    client = sign_in(LOOK, "products.change_sku", "products.add_sku", "products.delete_sku")
    link = page(sku)

    html = client.get(reverse("admin:products_sku_change", args=[sku.pk])).content.decode()

    assert client.get(link).status_code == client.post(link, fill_in()).status_code == 403
    assert link not in html
    assert read_stock(sku) == 5


@pytest.mark.django_db
def test_the_form_of_an_unknown_sku_is_not_found() -> None:
    assert sign_in(LOOK, ADJUST).get(page(Sku(pk="nobody"))).status_code == 404


@pytest.mark.django_db
def test_the_history_is_found_by_sku_reason_and_time_and_never_changed() -> None:
    early, late = SkuFactory.create(code="AAA"), SkuFactory.create(code="BBB")
    adjust(sku_id=early.pk, units=1, cause=CAUSE, now=NOW)
    adjust(sku_id=late.pk, units=2, cause=Cause(StockReason.DAMAGE, "", "staff:x"), now=NOW)
    client = sign_in("products.view_stockchange")
    url = reverse("admin:products_stockchange_changelist")

    def find(client: Client, **query: str) -> list[int]:
        return [change.after for change in client.get(url, query).context["cl"].result_list]

    assert find(client) == [102, 101]
    assert find(client, q="AAA") == find(client, q=early.pk) == [101]
    assert find(client, reason__exact="damage") == [102]
    assert find(client, at_from_0="2026-03-11") == []
    assert find(client, at_from_0="2026-03-10", at_from_1="15:30:00") == [102, 101]
    assert find(client, at_to_0="2026-03-10", at_to_1="15:29:59") == []
    assert find(client, at_from_0="2026-03-01", at_to_0="2026-03-10") == [102, 101]
    assert find(client, at_from_0="soon", at_to_0="2026-02-31") == [102, 101]
    row = reverse("admin:products_stockchange_change", args=[StockChange.objects.latest("pk").pk])
    assert client.get(row).status_code == 200
    assert client.post(row, {"after": "9"}).status_code == 403
