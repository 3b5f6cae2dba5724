"""import_catalogue and export_catalogue, as an operator calls them."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from products.importing import ImportResult, Job, run_import
from products.models import Merchant, Product, Sku, StockChange
from tests.factories import ProductFactory, SkuFactory
from tests.products.exchange.files import GOOGLE, SHOPIFY, WOOCOMMERCE

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(tmp_path: Path, settings: pytest.FixtureRequest) -> Path:
    settings.CART_CURRENCY = "USD"  # type: ignore[attr-defined]
    path = tmp_path / "shop.csv"
    path.write_text(SHOPIFY)
    return path


def run(command: str, *args: object, **options: object) -> str:
    output = StringIO()
    call_command(command, *map(str, args), stdout=output, **options)
    return output.getvalue()


def read_rows() -> list[dict[str, object]]:
    rows: list[Any] = [Product.objects.order_by("pk").values(), Sku.objects.order_by("pk").values()]
    return [row for found in rows for row in found]


def test_a_second_run_changes_nothing_and_says_so(shop: Path) -> None:
    first = run("import_catalogue", shop, merchant="Nordlicht")
    before = read_rows()

    second = run("import_catalogue", shop, merchant="Nordlicht")

    assert "2 created, 0 changed, 0 unchanged, 0 not taken; SKUs in the file: 4" in first
    assert "0 created, 0 changed, 2 unchanged, 0 not taken; SKUs in the file: 4" in second
    assert read_rows() == before
    assert Sku.objects.get(code="CUP-1").stock == 7
    assert {change.actor for change in StockChange.objects.all()} == {"command"}


@pytest.mark.parametrize(("text", "currency"), [(WOOCOMMERCE, "EUR"), (GOOGLE, "EUR")])
def test_other_programs_files_come_in_and_bad_rows_fail_the_command(
    tmp_path: Path, settings: pytest.FixtureRequest, text: str, currency: str
) -> None:
    settings.CART_CURRENCY = currency  # type: ignore[attr-defined]
    path = tmp_path / "goods"
    path.write_text(text)

    with pytest.raises(CommandError, match="were not taken"):
        run("import_catalogue", path, merchant="Nordlicht")

    assert Product.objects.exists()


def test_each_bad_row_is_told_by_its_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write_text(SHOPIFY.replace("$1,299.00", "much"))

    with pytest.raises(CommandError, match="1 were not taken"):
        run("import_catalogue", shop, merchant="Nordlicht")

    assert "line 4: price 'much' is no amount (cup)" in capsys.readouterr().err
    assert set(Sku.objects.values_list("code", flat=True)) == {"CUP-1", "CUP-3", "card"}


def test_a_dry_run_changes_nothing(shop: Path) -> None:
    told = run("import_catalogue", shop, merchant="Nordlicht", dry_run=True)

    assert "2 created" in told
    assert "nothing was changed" in told
    assert not Merchant.objects.exists()


def test_what_an_interrupted_run_left_is_completed_by_the_next(shop: Path) -> None:
    rows = [f"p-{n},Cup {n},C-{n},9.99,5" for n in range(450)]
    shop.write_text("\n".join(["external_id,name,code,price,stock", *rows]))
    job = Job(shop, "auto", "command", merchant="M")
    running = run_import(job, ImportResult())
    for _ in range(150):
        next(running)
    running.close()
    assert 0 < Product.objects.count() < 450

    run("import_catalogue", shop, merchant="M")

    assert (Product.objects.count(), Sku.objects.count()) == (450, 450)
    assert StockChange.objects.count() == 450


def test_missing_skus_become_inactive_but_not_with_a_faulty_row(shop: Path) -> None:
    merchant = Merchant.objects.create(name="Nordlicht")
    old = SkuFactory.create(product=ProductFactory.create(merchant=merchant))
    faulty = shop.with_name("faulty.csv")
    faulty.write_text(SHOPIFY.replace("$1,299.00", "much"))

    with pytest.raises(CommandError, match="none was made inactive"):
        run("import_catalogue", faulty, merchant="Nordlicht", deactivate_missing=True)
    assert Sku.objects.get(pk=old.pk).is_active
    told = run("import_catalogue", shop, merchant="Nordlicht", deactivate_missing=True)

    assert "SKUs made inactive: 1" in told
    assert not Sku.objects.get(pk=old.pk).is_active


@pytest.mark.parametrize("name", ["goods.csv", "goods.jsonl"])
def test_what_is_exported_is_imported_without_a_change(shop: Path, name: str) -> None:
    run("import_catalogue", shop, merchant="Nordlicht")
    SkuFactory.create(attributes={"颜色": "白", "Größe": "L"}, purchase_limit=2)
    before = read_rows()
    file = shop.with_name(name)

    assert "3 products are in" in run("export_catalogue", file)
    told = run("import_catalogue", file)

    assert "3 unchanged" in told
    assert read_rows() == before


@pytest.mark.parametrize("content", [None, "a,b\n1,2\n"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "goods.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CommandError, match=r"goods\.csv"):
        run("import_catalogue", path)
