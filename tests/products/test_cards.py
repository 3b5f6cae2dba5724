"""Cards: what a cart shows of a product is what the product is, whatever changed it."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.core.management import call_command

from products.catalogue import read_offers
from products.models import Merchant, Product, Sku
from products.offers import Card, Offer
from tests.factories import MerchantFactory, ProductFactory, SkuFactory
from tests.products.rows import insert_goods_of_old, run_sql
from tests.products.threads import change_while_another_adds


@pytest.fixture
def sku() -> Sku:
    product = ProductFactory.create(
        name="TH-100",
        description='Measures "all"\n',
        images=["/a.svg", "/b.svg"],
        merchant__name="澄明传感",
    )
    return SkuFactory.create(product=product)


def read_offer(sku: Sku) -> Offer:
    return read_offers(sku_ids=[sku.id], buyer="user:u1")[sku.id]


def read_shown(sku: Sku) -> dict[str, Any]:
    shown: dict[str, Any] = orjson.loads(f"{{{read_offer(sku).card_json}}}")
    return shown


@pytest.mark.django_db
def test_a_card_shows_the_product_and_its_merchant(sku: Sku) -> None:
    product = Product.objects.get(pk=sku.product_id)

    assert read_shown(sku) == {
        "id": product.pk,
        "name": "TH-100",
        "description": 'Measures "all"\n',
        "images": ["/a.svg", "/b.svg"],
        "status": 1,
        "merchant": {"id": product.merchant_id, "name": "澄明传感"},
    }
    assert read_offer(sku).read_card() == Card("TH-100", "/a.svg", product.merchant_id, "澄明传感")


def save_product(sku: Sku) -> None:
    product = sku.product
    product.name, product.images, product.description = "TH-200", [], "New"
    product.status = 0
    product.save()


CHANGES: dict[str, tuple[Callable[[Sku], Any], dict[str, Any]]] = {
    "save": (
        save_product,
        {"name": "TH-200", "images": [], "description": "New", "status": 0},
    ),
    "description": (
        lambda sku: Product.objects.update(description="New"),
        {"description": "New"},
    ),
    "second image": (
        lambda sku: Product.objects.update(images=["/a.svg"]),
        {"images": ["/a.svg"]},
    ),
    "raw SQL": (
        lambda sku: run_sql("UPDATE products_product SET name = 'TH-300', status = 0"),
        {"name": "TH-300", "status": 0},
    ),
    "another merchant": (
        lambda sku: Product.objects.update(merchant=MerchantFactory.create(id="m2", name="Beta")),
        {"merchant": {"id": "m2", "name": "Beta"}},
    ),
    "another product": (
        lambda sku: Sku.objects.update(
            product=ProductFactory.create(
                id="p2", name="Kettle", description="", images=[], merchant__id="m3",
                merchant__name="Gamma",
            )
        ),
        {
            "id": "p2", "name": "Kettle", "description": "", "images": [],
            "merchant": {"id": "m3", "name": "Gamma"},
        },
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_on_the_card_at_once_by_any_route(sku: Sku, name: str) -> None:
    change, expected = CHANGES[name]
    before = read_shown(sku)

    change(sku)

    assert read_shown(sku) == before | expected


@pytest.mark.django_db
def test_a_renamed_merchant_is_on_all_its_cards_and_on_no_other(sku: Sku) -> None:
    other = SkuFactory.create(product__merchant__name="Other")
    before = read_shown(other)

    Merchant.objects.filter(pk=sku.product.merchant_id).update(name="New")

    assert read_shown(sku)["merchant"]["name"] == "New"
    assert read_shown(other) == before


@pytest.mark.django_db
def test_a_deleted_or_hidden_product_takes_its_skus_along(sku: Sku) -> None:
    Product.objects.update(status=0)
    hidden = read_offer(sku)
    Product.objects.update(is_deleted=True)
    deleted = read_offer(sku)

    assert (hidden.status, hidden.is_deleted) == (0, False)
    assert (deleted.status, deleted.is_deleted) == (0, True)


@pytest.mark.django_db
def test_saving_a_stale_sku_does_not_turn_its_card_back(sku: Sku) -> None:
    stale = Sku.objects.get(pk=sku.pk)
    Product.objects.update(name="TH-200")

    stale.stock = 3
    stale.save()

    assert (read_shown(sku)["name"], read_offer(sku).stock) == ("TH-200", 3)


# Renaming a merchant while a product of theirs gets a new SKU, and the twin with the guard off.


def rename_merchant_while_adding_a_sku() -> Sku:
    product = ProductFactory.create(merchant__name="Old")
    sku = SkuFactory.build(product=product, product_id=product.id)
    change_while_another_adds(
        change=lambda: Merchant.objects.update(name="New"),
        add=lambda: Sku.objects.bulk_create([sku]),
    )
    return sku


@pytest.mark.django_db(transaction=True)
def test_a_sku_added_while_its_merchant_is_renamed_shows_the_new_name() -> None:
    assert read_shown(rename_merchant_while_adding_a_sku())["merchant"]["name"] == "New"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_unguarded_trigger")
def test_without_the_lock_a_sku_added_meanwhile_shows_the_old_name() -> None:
    assert read_shown(rename_merchant_while_adding_a_sku())["merchant"]["name"] == "Old"


@pytest.mark.django_db(transaction=True)
def test_cards_are_filled_for_a_catalogue_that_was_there_before() -> None:
    call_command("migrate", "products", "0004", verbosity=0)
    insert_goods_of_old(name="TH-100", price=7, status=0)

    call_command("migrate", "products", verbosity=0)

    sku = Sku.objects.get()
    assert (read_shown(sku)["name"], read_offer(sku).status) == ("TH-100", 0)
