"""Goods from elsewhere: added, changed, left alone; faults; races of two who bring them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.utils import timezone

from products import intake
from products.exchange.entries import MerchantEntry, ProductEntry, SkuEntry
from products.intake import Intake, Outcome, Taken, deactivate_others, take_in
from products.models import Merchant, Product, Sku, SkuRevision, StockChange
from tests.factories import SkuFactory
from tests.products.threads import run_together
from tests.steps import FIND_MERCHANT, act_after

ACTOR = "key:erp"


def sku_entry(code: str, **values: Any) -> SkuEntry:
    fields: dict[str, Any] = {"price": Decimal("9.99"), "stock": 5} | values
    return SkuEntry(code=code, **fields)


def product_entry(number: int, **values: Any) -> ProductEntry:
    skus = (sku_entry(f"C-{number}-a"), sku_entry(f"C-{number}-b", attributes={"Größe": "L"}))
    return ProductEntry(external_id=f"p-{number}", name=f"Cup {number}", **{"skus": skus} | values)


ENTRIES = [product_entry(number) for number in range(3)]


def bring(entries: Sequence[ProductEntry], **options: Any) -> list[Taken]:
    how = Intake(actor=ACTOR, **{"merchant": MerchantEntry("Nordlicht")} | options)
    return list(take_in(entries, how))


def read_rows() -> list[dict[str, Any]]:
    rows: list[Any] = [Product.objects.order_by("pk").values(), Sku.objects.order_by("pk").values()]
    return [row for found in rows for row in found]


def outcomes(taken: Sequence[Taken]) -> list[str]:
    return [str(each.outcome) for each in taken]


@pytest.mark.django_db
def test_what_is_new_is_created_with_its_first_stock_and_revision() -> None:
    taken = bring(ENTRIES)

    assert outcomes(taken) == ["created"] * 3
    sku = Sku.objects.get(code="C-1-b")
    assert (sku.product.name, sku.product.external_id) == ("Cup 1", "p-1")
    assert (sku.attributes, sku.price, sku.stock) == ({"Größe": "L"}, Decimal("9.99"), 5)
    assert sku.pk in taken[1].sku_ids
    change = StockChange.objects.get(sku=sku)
    assert (change.before, change.after, change.reason, change.actor) == (0, 5, "initial", ACTOR)
    assert Merchant.objects.get().name == "Nordlicht"
    assert SkuRevision.objects.filter(sku=sku).count() == 1


@pytest.mark.django_db
def test_the_same_again_changes_nothing() -> None:
    bring(ENTRIES)
    before = read_rows()

    taken = bring(ENTRIES)

    assert outcomes(taken) == ["unchanged"] * 3
    assert read_rows() == before
    assert StockChange.objects.count() == 6


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"name": "Mug"},
        {"description": "Blue."},
        {"images": ("https://example.com/a.jpg",)},
        {"is_on_shelf": False},
        {"translations": {"en": {"name": "Mug"}}},
        {"merchant": MerchantEntry("Other", "m-1")},
        {"skus": (sku_entry("C-0-a", price=Decimal("1.00")),)},
        {"skus": (sku_entry("C-0-a", original_price=Decimal("1.00")),)},
        {"skus": (sku_entry("C-0-a", tracks_stock=False),)},
        {"skus": (sku_entry("C-0-a", purchase_limit=2),)},
        {"skus": (sku_entry("C-0-a", min_quantity=2, quantity_step=3),)},
        {"skus": (sku_entry("C-0-a", barcode="4006381333931"),)},
        {"skus": (sku_entry("C-0-a", is_active=False, external_id="77"),)},
        {"skus": (sku_entry("C-0-b", attributes={"Farbe": "rot", "Größe": "L"}),)},
        {"skus": (sku_entry("C-0-c"),)},
    ],
    ids=str,
)
def test_what_differs_is_changed_and_the_rest_left_alone(change: dict[str, Any]) -> None:
    bring(ENTRIES)

    taken = bring([replace(ENTRIES[0], **change)])

    assert outcomes(taken) == ["changed"]
    for name, value in change.items():
        if name == "skus":
            [entry] = value
            sku = Sku.objects.get(code=entry.code)
            assert {field: getattr(sku, field) for field in entry.__slots__} == {
                field: getattr(entry, field) for field in entry.__slots__
            }
    assert Sku.objects.filter(product__external_id="p-0", is_deleted=False).count() >= 2
    assert outcomes(bring([replace(ENTRIES[0], **change)])) == ["unchanged"]


@pytest.mark.django_db
def test_a_stock_that_is_not_told_stays() -> None:
    bring(ENTRIES)
    Sku.objects.filter(code="C-0-a").update(stock=2)

    bring([replace(ENTRIES[0], skus=(sku_entry("C-0-a", stock=None),))])

    assert Sku.objects.get(code="C-0-a").stock == 2


@pytest.mark.django_db
def test_faulty_entries_are_told_and_the_others_are_taken() -> None:
    SkuFactory.create(code="taken")
    entries = [
        product_entry(0),
        product_entry(1, skus=(sku_entry("taken"),)),
        product_entry(2, skus=(sku_entry("twice"), sku_entry("twice"))),
        product_entry(3, skus=(sku_entry("C-0-a"),)),
        product_entry(4),
    ]

    taken = bring(entries)

    assert outcomes(taken) == ["created", "failed", "failed", "failed", "created"]
    assert [each.reason for each in taken[1:4]] == [
        "the code taken is that of another product",
        "the code twice comes twice",
        "the code C-0-a is that of another product",
    ]
    assert Sku.objects.count() == 5


@pytest.mark.django_db
def test_a_new_product_needs_a_merchant() -> None:
    [taken] = bring([product_entry(0)], merchant=None)

    assert (taken.outcome, taken.reason) == (Outcome.FAILED, "a new product needs a merchant")
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_a_dry_run_tells_and_changes_nothing() -> None:
    bring(ENTRIES[:1])

    changed = replace(ENTRIES[0], name="Mug", merchant=MerchantEntry("New"))
    taken = bring([changed, ENTRIES[1]], is_dry_run=True)

    assert outcomes(taken) == ["changed", "created"]
    assert Product.objects.get().name == "Cup 0"
    assert Merchant.objects.count() == 1


@pytest.mark.django_db
def test_a_merchant_is_known_by_the_external_id_and_renamed() -> None:
    bring([product_entry(0, merchant=MerchantEntry("Old", "m-1"))])

    bring([product_entry(1, merchant=MerchantEntry("New", "m-1"))])

    assert list(Merchant.objects.values_list("name", "external_id")) == [("New", "m-1")]


@pytest.mark.django_db
def test_a_deleted_product_comes_anew() -> None:
    bring(ENTRIES[:1])
    Product.objects.update(is_deleted=True)
    Sku.objects.update(is_deleted=True)

    assert outcomes(bring(ENTRIES[:1])) == ["created"]
    assert Sku.objects.filter(code="C-0-a").count() == 2


@pytest.mark.django_db
def test_what_is_missing_becomes_inactive() -> None:
    taken = bring(ENTRIES)
    other = SkuFactory.create()

    count = deactivate_others(
        taken[0].sku_ids,
        merchant_ids=[Merchant.objects.get(name="Nordlicht").pk],
        now=timezone.now(),
    )

    assert count == 4
    active = set(Sku.objects.active().values_list("code", flat=True))
    assert active == {"C-0-a", "C-0-b", other.code}


@pytest.mark.django_db(transaction=True)
def test_those_who_bring_the_same_at_once_add_it_once() -> None:
    results = bring_at_once()

    assert sorted(outcome for each in results for outcome in each) == sorted(
        ["created"] * 40 + ["unchanged"] * 120
    )
    assert (Product.objects.count(), Sku.objects.count()) == (40, 80)
    assert Merchant.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_queue_a_merchant_is_added_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_queue_up", lambda: None)
    everybody = Barrier(4)

    def meet() -> None:
        with suppress(BrokenBarrierError):
            everybody.wait(5)

    act_after(monkeypatch, FIND_MERCHANT, meet)
    bring_at_once()

    assert Merchant.objects.count() > 1


def bring_at_once() -> list[list[str]]:
    entries = [product_entry(number) for number in range(40)]
    results = run_together(lambda _: outcomes(bring(entries)), range(4), threads=4)
    return [each for each in results if isinstance(each, list)]
