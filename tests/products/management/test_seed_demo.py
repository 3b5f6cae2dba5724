"""The demo shop."""

import re
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db.models import Count

from products.demo.catalogue import read_catalogue
from products.demo.images import draw_product
from products.models import Merchant, Product, Sku, SkuRevision
from tests.factories import SkuFactory

TH_100 = "ybvqt89zn1ej9b8rkr5tcarf"


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed_demo", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def read_rows() -> list[Any]:
    return [
        list(model.objects.order_by("id").values())
        for model in (Merchant, Product, Sku, SkuRevision)
    ]


@pytest.mark.django_db
def test_the_shop_is_believable() -> None:
    seed()

    products = Product.objects.annotate(sku_count=Count("skus"))
    assert (Merchant.objects.count(), products.count()) == (4, 61)
    assert products.filter(sku_count__gt=1).count() == 21
    assert products.filter(status=0).count() == 3
    assert Sku.objects.filter(purchase_limit__isnull=False).count() == 13
    assert Sku.objects.filter(stock=0).count() == 7
    assert Sku.objects.filter(original_price__isnull=False).count() == 25
    assert SkuRevision.objects.count() == Sku.objects.count() == 87
    rows = [*Merchant.objects.all(), *products, *Sku.objects.all()]
    assert all(re.fullmatch(r"[a-z][a-z0-9]{23}", row.pk) for row in rows)


@pytest.mark.django_db
def test_ids_are_the_same_everywhere_and_a_second_run_changes_nothing() -> None:
    first_output = seed()
    before = read_rows()
    second_output = seed()

    assert read_rows() == before
    assert Product.objects.get(id=TH_100).name == "温湿度传感器 TH-100"
    assert "products: 61 added, 0 already there\n" in first_output
    assert "products: 0 added, 61 already there\n" in second_output


@pytest.mark.django_db
def test_a_second_run_leaves_the_operators_changes_and_adds_what_is_missing() -> None:
    call_command("seed_demo", stdout=StringIO())
    Product.objects.filter(id=TH_100).update(name="Renamed", status=0)
    Sku.objects.filter(code="TH-100-WHT").update(stock=3, price=1, is_deleted=True)
    own = SkuFactory.create()

    seed()

    product, sku = Product.objects.get(id=TH_100), Sku.objects.get(code="TH-100-WHT")
    assert (product.name, product.status) == ("Renamed", 0)
    assert (sku.stock, sku.price, sku.is_deleted) == (3, Decimal(1), True)
    assert Sku.objects.filter(id=own.id).exists()


@pytest.mark.django_db
def test_reset_turns_demo_rows_back_and_leaves_others_alone() -> None:
    seed()
    Product.objects.update(name="Renamed", status=0)
    Sku.objects.filter(code="TH-100-WHT").update(stock=3, price=1, is_deleted=True)
    own = SkuFactory.create(product__name="Own", stock=7)

    output = seed("--reset")

    product, sku = Product.objects.get(id=TH_100), Sku.objects.get(code="TH-100-WHT")
    assert (product.name, product.status) == ("温湿度传感器 TH-100", 1)
    assert (sku.stock, sku.price, sku.is_deleted) == (100, Decimal("149.99"), False)
    assert sku.revisions.get(id=sku.revision).price == Decimal("149.99")
    own.refresh_from_db()
    assert (own.product.name, own.stock) == ("Own", 7)
    assert "SKUs: 0 added, 87 reset\n" in output


@pytest.mark.django_db
def test_a_code_taken_by_a_product_of_the_shops_own_is_left_to_it() -> None:
    own = SkuFactory.create(code="TH-100-WHT")

    seed()

    assert Sku.objects.get(code="TH-100-WHT") == own
    assert Sku.objects.count() == 87


@pytest.mark.django_db
def test_reset_stops_with_one_sentence_at_a_code_taken_by_the_shops_own() -> None:
    SkuFactory.create(code="TH-100-WHT")
    before = read_rows()

    with pytest.raises(CommandError, match=r"of your own is in the way.*TH-100-WHT"):
        seed("--reset")

    assert read_rows() == before


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("seed_demo", "--help")

    assert "manage.py seed_demo --reset" in capsys.readouterr().out


def test_every_product_has_its_picture_as_it_is_drawn_now() -> None:
    catalogue = read_catalogue()
    paths = [product.images[0] for product in catalogue.products]
    found = [Path(str(finders.find(path.removeprefix("/static/")))) for path in paths]

    assert all(path.startswith("/static/products/demo/") for path in paths)
    assert [path.read_text(encoding="utf-8") for path in found] == [
        draw_product(slug=slug, icon=icon) for slug, icon in catalogue.icons.items()
    ]
    assert set(found[0].parent.glob("*.svg")) == set(found)
    assert sum(path.stat().st_size for path in found) < 80_000
