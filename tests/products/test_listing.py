"""Listings: lists are sorted and filtered by what products and SKUs are, whatever changed them."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from products.models import Merchant, Product, ProductListing, Sku
from products.stock import give_back
from tests.factories import MerchantFactory, ProductFactory, SkuFactory
from tests.products.rows import insert_goods_of_old, replace_function, run_sql, take_units
from tests.products.threads import change_while_another_adds, run_together

BUYER = "user:u1"


@pytest.fixture
def product() -> Product:
    """A product with a SKU at 20 and one at 10, of which there are 5 units."""
    product = ProductFactory.create(name="Lamp", description="Bright.")
    SkuFactory.create(id="dear", product=product, price=20, stock=0)
    SkuFactory.create(id="cheap", product=product, price=10, stock=5)
    return product


def read_listing(product: Product) -> tuple[float | None, bool]:
    """Return the lowest price and whether anything is in stock."""
    price, in_stock = ProductListing.objects.values_list("lowest_price", "in_stock").get(
        pk=product.pk
    )
    return (None if price is None else float(price)), in_stock


def save_sku(sku_id: str, **values: Any) -> None:
    sku = Sku.objects.get(pk=sku_id)
    for name, value in values.items():
        setattr(sku, name, value)
    sku.save()


def bulk_update_price(sku_id: str, price: int) -> None:
    Sku.objects.bulk_update([Sku(pk=sku_id, price=price)], ["price"])


CHANGES: dict[str, tuple[Callable[[], Any], tuple[int | None, bool]]] = {
    "a price saved": (lambda: save_sku("dear", price=7), (7, True)),
    "a price updated": (lambda: Sku.objects.filter(pk="cheap").update(price=30), (20, True)),
    "a price in bulk": (lambda: bulk_update_price("cheap", 8), (8, True)),
    "a price in SQL": (lambda: run_sql("UPDATE products_sku SET price = price + 3"), (13, True)),
    "sold out": (lambda: Sku.objects.update(stock=0), (10, False)),
    "inactive": (lambda: Sku.objects.filter(pk="cheap").update(is_active=False), (20, False)),
    "deleted": (lambda: Sku.objects.filter(pk="cheap").update(is_deleted=True), (20, False)),
    "all withdrawn": (lambda: Sku.objects.update(is_active=False), (None, False)),
    "moved": (
        lambda: Sku.objects.filter(pk="cheap").update(product=ProductFactory.create()),
        (20, False),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_skus_is_in_the_listing_at_once_by_any_route(
    product: Product, name: str
) -> None:
    change, expected = CHANGES[name]

    change()

    assert read_listing(product) == expected


@pytest.mark.django_db
def test_a_change_of_a_product_is_in_the_listing_at_once(product: Product) -> None:
    merchant = MerchantFactory.create()

    Sku.objects.filter(pk="dear").update(is_active=False)
    Sku.objects.filter(pk="cheap").update(code="c-1", barcode="4006381")
    Product.objects.update(
        name="Clock",
        description="Loud.",
        merchant=merchant,
        translations={"de": {"name": "Uhr"}, "zh": {"description": "很响。"}},
    )

    listing = ProductListing.objects.get(pk=product.pk)
    words = f"CLOCK {merchant.name.upper()} C-1 4006381 UHR LOUD. 很响。"
    assert (listing.name, listing.merchant_id, listing.is_shown) == ("Clock", merchant.pk, True)
    assert listing.words.content == words

    Product.objects.update(status=0)

    listing = ProductListing.objects.get(pk=product.pk)
    assert (listing.is_shown, hasattr(listing, "words")) == (False, False)


@pytest.mark.django_db
def test_a_removed_product_is_not_listed(product: Product) -> None:
    empty = ProductFactory.create()

    empty.delete()

    assert list(ProductListing.objects.values_list("pk", flat=True)) == [product.pk]


@pytest.mark.django_db
def test_what_others_write_to_a_listing_is_ignored(product: Product) -> None:
    ProductListing.objects.update(lowest_price=1)
    ProductListing.objects.all().delete()
    run_sql("UPDATE products_productlisting SET in_stock = false")

    assert read_listing(product) == (10, True)


@pytest.mark.django_db
def test_a_sale_leaves_the_listing_alone(product: Product) -> None:
    before = read_row_version(product)

    take_units(buyer=BUYER, units={"cheap": 4})
    give_back(buyer=BUYER, units={"cheap": 2})

    assert read_row_version(product) == before


@pytest.mark.django_db
def test_the_last_unit_and_the_first_one_back_change_the_listing(product: Product) -> None:
    take_units(buyer=BUYER, units={"cheap": 5})
    sold_out = read_listing(product)
    give_back(buyer=BUYER, units={"cheap": 1})

    assert (sold_out, read_listing(product)) == ((10, False), (10, True))


def read_row_version(product: Product) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ctid::text FROM products_productlisting WHERE product_id = %s", [product.pk]
        )
        [version] = cursor.fetchone()
        return str(version)


# Two SKUs of a product, sold out at once: each sees the other in stock, but for the lock.


def sell_both_at_once(product: Product) -> None:
    Sku.objects.update(stock=1)
    change_while_another_adds(
        change=lambda: Sku.objects.filter(pk="dear").update(stock=0),
        add=lambda: Sku.objects.filter(pk="cheap").update(stock=0),
    )


@pytest.mark.django_db(transaction=True)
def test_two_skus_sold_out_at_once_leave_their_product_sold_out(product: Product) -> None:
    sell_both_at_once(product)

    assert read_listing(product) == (10, False)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_a_product_sold_out_at_once_seems_in_stock(product: Product) -> None:
    guarded = import_module(
        "products.migrations.0015_translated_cards_and_codes_found"
    ).PRICE_LISTINGS
    head, _, tail = guarded.partition("PERFORM")
    replace_function(head + tail.partition(";")[2])
    try:
        sell_both_at_once(product)
    finally:
        replace_function(guarded)

    assert read_listing(product) == (10, True)


@pytest.mark.django_db(transaction=True)
def test_changes_of_a_product_and_of_its_skus_at_once_never_deadlock() -> None:
    skus = [
        SkuFactory.create(product=product, stock=1) for product in ProductFactory.create_batch(2)
    ]
    ids = [sku.pk for sku in skus]

    def change(number: int) -> None:
        match number % 3:
            case 0:
                Product.objects.update(name=f"Name {number}")
            case 1:
                Sku.objects.filter(pk=ids[number % 2]).update(price=number)
            case 2:
                Sku.objects.filter(pk=ids[number % 2]).update(stock=number % 2)

    outcomes = run_together(change, range(120), threads=6)

    assert outcomes == [None] * 120


@pytest.mark.django_db(transaction=True)
def test_listings_are_made_for_a_catalogue_that_was_there_before(client: Client) -> None:
    call_command("migrate", "products", "0005", verbosity=0)
    insert_goods_of_old(name="温湿度传感器", price=7, status=1)

    call_command("migrate", "products", verbosity=0)

    assert read_listing(Product.objects.get()) == (7, True)
    found = client.get("/api/products", {"search": "湿度", "inStock": "true"}).json()["data"]
    assert [item["name"] for item in found["items"]] == ["温湿度传感器"]


@pytest.mark.django_db
def test_products_are_found_by_their_merchants_new_name(client: Client, product: Product) -> None:
    Merchant.objects.update(name="Neu")

    found = client.get("/api/products", {"search": "neu"}).json()["data"]["items"]
    assert [item["id"] for item in found] == [product.pk]


@pytest.mark.django_db
def test_a_merchant_saved_under_its_old_name_leaves_listings_alone(product: Product) -> None:
    before = read_row_version(product)

    Merchant.objects.update(external_id="m-1")

    assert read_row_version(product) == before
