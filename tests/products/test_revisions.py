"""Every change of what a SKU is called, looks like or costs leaves a revision."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from products.models import Product, Sku, SkuRevision
from tests.factories import ProductFactory, SkuFactory
from tests.products.rows import run_sql
from tests.products.threads import change_while_another_adds

pytestmark = pytest.mark.django_db


def read_history(sku: Sku) -> list[tuple[str, str, Decimal]]:
    """Return name, image and price of the SKU's revisions, oldest first."""
    revisions = SkuRevision.objects.filter(sku=sku).order_by("id")
    return list(revisions.values_list("name", "image", "price"))


def read_current(sku: Sku) -> tuple[str, str, Decimal]:
    """Return name, image and price of the revision the SKU's row points to."""
    number = Sku.objects.values_list("revision", flat=True).get(id=sku.id)
    revision = SkuRevision.objects.get(id=number, sku=sku)
    return revision.name, revision.image, revision.price


@pytest.fixture
def sku() -> Sku:
    product = ProductFactory.create(name="TH-100", images=["/a.svg", "/b.svg"])
    return SkuFactory.create(product=product, price=Decimal("149.99"))


def save_price(sku: Sku) -> None:
    sku.price = Decimal("159.99")
    sku.save()


def save_stale_price(sku: Sku) -> None:
    sku.price = Decimal("159.99")
    sku.revision = 0
    sku.save()


def update_price(sku: Sku) -> None:
    Sku.objects.filter(id=sku.id).update(price=F("price") + 10)


def bulk_update_price(sku: Sku) -> None:
    sku.price = Decimal("159.99")
    Sku.objects.bulk_update([sku], ["price"])


def upsert_price(sku: Sku) -> None:
    sku.price = Decimal("159.99")
    Sku.objects.bulk_create(
        [sku], update_conflicts=True, unique_fields=["id"], update_fields=["price"]
    )


def write_price_in_sql(sku: Sku) -> None:
    run_sql("UPDATE products_sku SET price = 159.99 WHERE id = %s", sku.id)


@pytest.mark.parametrize(
    "change_price",
    [
        save_price,
        save_stale_price,
        update_price,
        bulk_update_price,
        upsert_price,
        write_price_in_sql,
    ],
)
def test_a_new_price_leaves_a_revision_by_any_route(
    sku: Sku, change_price: Callable[[Sku], None]
) -> None:
    change_price(sku)

    assert read_history(sku) == [
        ("TH-100", "/a.svg", Decimal("149.99")),
        ("TH-100", "/a.svg", Decimal("159.99")),
    ]
    assert read_current(sku) == ("TH-100", "/a.svg", Decimal("159.99"))


def save_name(product: Product) -> None:
    product.name = "TH-200"
    product.save()


def update_name(product: Product) -> None:
    Product.objects.filter(id=product.id).update(name="TH-200")


def upsert_name(product: Product) -> None:
    product.name = "TH-200"
    Product.objects.bulk_create(
        [product], update_conflicts=True, unique_fields=["id"], update_fields=["name"]
    )


def write_name_in_sql(product: Product) -> None:
    run_sql("UPDATE products_product SET name = 'TH-200' WHERE id = %s", product.id)


@pytest.mark.parametrize("rename", [save_name, update_name, upsert_name, write_name_in_sql])
def test_a_new_name_leaves_a_revision_of_each_sku_by_any_route(
    sku: Sku, rename: Callable[[Product], None]
) -> None:
    sibling = SkuFactory.create(product=sku.product, price=Decimal(7))
    stranger = SkuFactory.create()

    rename(sku.product)

    assert read_current(sku) == ("TH-200", "/a.svg", Decimal("149.99"))
    assert read_current(sibling) == ("TH-200", "/a.svg", Decimal(7))
    assert len(read_history(sku)) == len(read_history(sibling)) == 2
    assert len(read_history(stranger)) == 1


@pytest.mark.parametrize(
    ("images", "image"), [(["/c.svg"], "/c.svg"), ([], ""), (["/b.svg", "/a.svg"], "/b.svg")]
)
def test_a_new_first_image_leaves_a_revision(sku: Sku, images: list[str], image: str) -> None:
    Product.objects.filter(id=sku.product_id).update(images=images)

    assert read_current(sku) == ("TH-100", image, Decimal("149.99"))
    assert len(read_history(sku)) == 2


def test_renaming_many_products_at_once_leaves_one_revision_of_each_sku(sku: Sku) -> None:
    others = [SkuFactory.create() for _ in range(3)]

    Product.objects.update(name="Sale")

    assert [len(read_history(each)) for each in [sku, *others]] == [2, 2, 2, 2]
    assert {read_current(each)[0] for each in [sku, *others]} == {"Sale"}


def test_what_no_snapshot_shows_leaves_no_revision(sku: Sku) -> None:
    Product.objects.update(description="New.", status=0, images=["/a.svg", "/new.svg"])
    Sku.objects.update(stock=3, purchase_limit=2, original_price=500, price=F("price"))

    assert len(read_history(sku)) == 1


def test_moving_a_sku_to_another_product_leaves_a_revision(sku: Sku) -> None:
    other = ProductFactory.create(name="Bundle", images=[])

    Sku.objects.filter(id=sku.id).update(product=other)

    assert read_current(sku) == ("Bundle", "", Decimal("149.99"))


def test_saving_a_stale_copy_does_not_turn_the_revision_back(sku: Sku) -> None:
    stale = Sku.objects.get(id=sku.id)
    update_price(sku)

    stale.stock = 5
    stale.save(update_fields=["stock", "revision"])
    Sku.objects.filter(id=sku.id).update(revision=1)

    assert read_current(sku) == ("TH-100", "/a.svg", Decimal("159.99"))
    assert len(read_history(sku)) == 2


def test_an_import_which_skips_known_skus_leaves_no_revision_of_them(sku: Sku) -> None:
    Sku.objects.bulk_create([sku], ignore_conflicts=True)

    assert read_history(sku) == [("TH-100", "/a.svg", Decimal("149.99"))]
    assert read_current(sku) == ("TH-100", "/a.svg", Decimal("149.99"))


def test_a_sku_cannot_come_before_its_product() -> None:
    sku = SkuFactory.build(product=ProductFactory.build(id="missing"), product_id="missing")

    with pytest.raises(IntegrityError, match="must be inserted first"), transaction.atomic():
        Sku.objects.bulk_create([sku])

    assert Sku.objects.count() == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE products_skurevision SET price = 1 WHERE sku_id = %s",
        "DELETE FROM products_skurevision WHERE sku_id = %s",
    ],
)
def test_revisions_are_append_only(sku: Sku, sql: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run_sql(sql, sku.id)

    assert read_history(sku) == [("TH-100", "/a.svg", Decimal("149.99"))]


# Renaming a product while it gets a new SKU, and the twin that has the guard off.


def rename_while_adding_a_sku(product: Product) -> Sku:
    """Add a SKU from another thread while the product's rename is not yet committed."""
    sku = SkuFactory.build(product=product, product_id=product.id)
    change_while_another_adds(
        change=lambda: Product.objects.filter(id=product.id).update(name="New"),
        add=lambda: Sku.objects.bulk_create([sku]),
    )
    return sku


@pytest.mark.django_db(transaction=True)
def test_a_sku_added_during_a_rename_gets_the_new_name() -> None:
    sku = rename_while_adding_a_sku(ProductFactory.create(name="Old"))

    assert read_current(sku)[0] == "New"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_unguarded_trigger")
def test_without_the_lock_a_sku_added_during_a_rename_keeps_the_old_name() -> None:
    sku = rename_while_adding_a_sku(ProductFactory.create(name="Old"))

    assert read_current(sku)[0] == "Old"
