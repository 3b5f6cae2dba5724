"""What the catalogue refuses to hold, by whatever route it comes: ids, prices, texts, stock."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from carts.domain.cart import LineId
from products.bounds import MAX_PRICE, MAX_STOCK, is_id
from products.catalogue import read_offers
from products.errors import StockTooHigh
from products.models import Product, Sku, StockReason
from products.stock import Cause, adjust, give_back, recount
from tests.carts.shopper import Shopper, new_guest
from tests.factories import ProductFactory, SkuFactory
from tests.products.rows import (
    insert_goods_of_old,
    insert_product_of_old,
    read_stock,
    run_sql,
    take_units,
)

CAUSE = Cause(StockReason.DELIVERY, "", "staff:u1")
IDS = ["a_b", "a.b", "茶杯", "a b", "a\n", "é", "-", "a/b"]


@pytest.fixture
def guest(db: None) -> Shopper:
    return new_guest()


@pytest.fixture
def _no_constraints(db: None) -> None:
    """Let rows be as bad as before the constraints."""
    run_sql("ALTER TABLE products_product DROP CONSTRAINT product_images_are_texts")
    run_sql("ALTER TABLE products_sku DROP CONSTRAINT sku_attributes_are_texts")


@pytest.mark.django_db
@pytest.mark.parametrize("bad", IDS)
def test_an_id_that_the_api_does_not_take_is_refused(bad: str) -> None:
    product = ProductFactory.create()

    with pytest.raises(ValidationError, match="An id has"):
        ProductFactory.build(id=bad, merchant=product.merchant).clean_fields()
    with pytest.raises(IntegrityError, match="product_id_plain"), transaction.atomic():
        ProductFactory.create(id=bad)
    with pytest.raises(IntegrityError, match="sku_id_plain"), transaction.atomic():
        SkuFactory.create(id=bad, product=product)

    assert not is_id(bad)
    assert LineId.parse(f"cart_{bad}") is None


@pytest.mark.django_db
@pytest.mark.parametrize("good", ["a", "A-1", "-a", "a-", "0", "x" * 32])
def test_an_id_that_the_database_takes_can_be_added_to_a_cart(guest: Shopper, good: str) -> None:
    SkuFactory.create(id=good, product__id=good)

    cart = guest.data("POST", "/cart", {"productId": good, "skuId": good, "quantity": 1})

    assert [item["skuId"] for item in cart["items"]] == [good]
    assert is_id(good)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["price", "original_price"])
@pytest.mark.parametrize("value", ["10000000.00", "9999999999.99", "-0.01"])
def test_a_price_out_of_bounds_is_refused(column: str, value: str) -> None:
    sku = SkuFactory.create(price=MAX_PRICE, original_price=MAX_PRICE)

    with pytest.raises(IntegrityError, match=f"sku_{column}_"), transaction.atomic():
        Sku.objects.update(**{column: Decimal(value)})
    setattr(sku, column, Decimal(value))
    with pytest.raises(ValidationError):
        sku.clean_fields()


@pytest.mark.django_db
def test_a_price_that_is_no_number_is_refused() -> None:
    SkuFactory.create()

    with pytest.raises(IntegrityError, match="sku_price_bounded"), transaction.atomic():
        run_sql("UPDATE products_sku SET price = 'NaN'")


@pytest.mark.django_db
def test_the_largest_cart_comes_to_an_exact_total(guest: Shopper) -> None:
    sku = SkuFactory.create(price=MAX_PRICE, stock=9_999)

    cart = guest.data("POST", "/cart", {"productId": sku.product_id, "quantity": 9_999})

    assert cart["totalAmount"] == 99_989_999_900.01


@pytest.mark.django_db
@pytest.mark.parametrize(
    "images", [[None], [1], ["/a.svg", None], [["/a.svg"]], [{"url": "/a.svg"}], [True]]
)
def test_images_that_are_no_texts_are_refused(images: list[Any]) -> None:
    product = ProductFactory.create(images=["/a.svg"])

    with pytest.raises(IntegrityError, match="product_images_are_texts"), transaction.atomic():
        Product.objects.update(images=images)

    product.refresh_from_db()
    assert product.images == ["/a.svg"]


@pytest.mark.django_db
@pytest.mark.parametrize("attributes", [{"颜色": None}, {"颜色": 1}, {"a": "b", "c": ["d"]}])
def test_attributes_that_are_no_texts_are_refused(attributes: dict[str, Any]) -> None:
    sku = SkuFactory.create()

    with pytest.raises(IntegrityError, match="sku_attributes_are_texts"), transaction.atomic():
        Sku.objects.update(attributes=attributes)
    sku.attributes = attributes
    with pytest.raises(ValidationError):
        sku.full_clean()


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_cannot_be_kept_is_refused_by_the_form(text: str) -> None:
    sku = SkuFactory.build(product=ProductFactory.create(), attributes={"颜色": text})

    with pytest.raises(ValidationError, match="Enter a JSON object of texts"):
        sku.full_clean()


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_constraints")
@pytest.mark.parametrize("images", [[None], [7, "/a.svg"], [{"url": "/b.svg"}]])
def test_images_that_are_no_texts_are_harmless_where_they_stand(
    guest: Shopper, images: list[Any]
) -> None:
    sku = SkuFactory.create(product__images=images, attributes={"size": None, "n": 1})
    guest.data("POST", "/cart", {"productId": sku.product_id, "quantity": 1})

    order = guest.data("POST", "/orders", {"contact": {"email": "a@example.com"}})

    assert order["items"][0]["image"] == ("/a.svg" if "/a.svg" in images else "")
    assert guest.call("GET", "/cart").status_code == 200
    assert guest.call("GET", f"/products/{sku.product_id}").status_code == 200


@pytest.mark.django_db
def test_attributes_come_back_in_the_order_in_which_they_were_given(
    guest: Shopper, client: Client
) -> None:
    given = {"颜色": "白", "aa": "1", "b": "2", "a": "3"}
    sku = SkuFactory.create(attributes=given)
    Sku.objects.bulk_update([sku], ["attributes"])

    cart = guest.data("POST", "/cart", {"productId": sku.product_id, "quantity": 1})
    shown = client.get(f"/api/products/{sku.product_id}").json()["data"]["skus"][0]

    assert list(cart["items"][0]["sku"]["attributes"].items()) == list(given.items())
    assert list(shown["attributes"].items()) == list(given.items())
    assert list(Sku.objects.get().attributes) == list(given)
    assert "颜色" in read_offers(sku_ids=[sku.id], buyer="user:u1")[sku.id].attributes_json


@pytest.mark.django_db
def test_the_staff_set_a_stock_up_to_its_bound() -> None:
    sku = SkuFactory.create(stock=MAX_STOCK)
    now = timezone.now()

    with pytest.raises(StockTooHigh):
        adjust(sku_id=sku.pk, units=1, cause=CAUSE, now=now)
    with pytest.raises(StockTooHigh):
        recount(sku_id=sku.pk, counted=MAX_STOCK + 1, expected=MAX_STOCK, cause=CAUSE, now=now)

    assert read_stock(sku) == [MAX_STOCK]


@pytest.mark.django_db
@pytest.mark.parametrize("stock", [MAX_STOCK, 2**31 - 1])
def test_giving_back_finds_room_however_high_the_stock_is(stock: int) -> None:
    sku = SkuFactory.create(stock=32_767)
    with transaction.atomic():
        take_units(buyer="user:u1", units={sku.pk: 32_767})
    Sku.objects.update(stock=stock)

    with transaction.atomic():
        give_back(buyer="user:u1", units={sku.pk: 32_767})
    adjust(sku_id=sku.pk, units=-1, cause=CAUSE, now=timezone.now())

    assert read_stock(sku) == [stock + 32_767 - 1]


@pytest.mark.django_db(transaction=True)
def test_rows_that_hold_other_than_texts_are_mended_by_the_migration() -> None:
    call_command("migrate", "products", "0008", verbosity=0)
    insert_goods_of_old(name="TH-100", price=7, status=1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET images = '[null, 5, \"/a.svg\"]'")
        cursor.execute('UPDATE products_sku SET attributes = \'{"a": null, "b": 1}\'::jsonb')

    call_command("migrate", "products", verbosity=0)

    assert Product.objects.get().images == ["5", "/a.svg"]
    assert Sku.objects.get().attributes == {"b": "1"}


@pytest.mark.django_db(transaction=True)
def test_the_migration_names_the_ids_that_it_cannot_take() -> None:
    call_command("migrate", "products", "0010", verbosity=0)
    insert_product_of_old("odd_one", name="TH-100", status=1)

    with pytest.raises(Exception, match="odd_one"):
        call_command("migrate", "products", verbosity=0)

    run_sql("UPDATE products_product SET id = 'even-one'")
    call_command("migrate", "products", verbosity=0)
