"""GET /api/catalogue/products: all products page by page, or those that have changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.notation import format_time
from products.feed import read_feed
from products.models import Merchant, Product, Sku
from tests.accounts.programs import Program, new_program
from tests.config.admin.staff import sign_in_superuser
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db

FEED = "/catalogue/products"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def erp() -> Program:
    return new_program()


def set_times(moment: datetime) -> None:
    """Let everything have changed last at this moment."""
    for model in (Merchant, Product, Sku):
        model._default_manager.update(updated_at=moment)


def read_all(erp: Program, **query: Any) -> list[Any]:
    """Return the items of all pages."""
    data = erp.data("GET", FEED, query=query)
    items: list[Any] = data["items"]
    while data["nextCursor"] is not None:
        data = erp.data("GET", FEED, query=query | {"cursor": data["nextCursor"]})
        items += data["items"]
    return items


def test_an_item_is_what_is_written_with_id_and_time(erp: Program) -> None:
    merchant = MerchantFactory.create(name="Nordlicht", external_id="m-1")
    product = ProductFactory.create(
        id="p1",
        merchant=merchant,
        external_id="th-100",
        name="温湿度传感器",
        images=["/a.svg"],
        translations={"en": {"name": "Sensor"}},
        status=0,
    )
    SkuFactory.create(
        product=product, code="B", price=Decimal("9.90"), tracks_stock=False, is_active=False
    )
    SkuFactory.create(
        product=product,
        code="A",
        external_id="4711",
        price=Decimal("149.99"),
        original_price=Decimal("199.99"),
        purchase_limit=3,
        min_quantity=2,
        quantity_step=4,
        barcode="4006381333931",
    )
    SkuFactory.create(product=product, code="C", is_deleted=True)
    set_times(THEN)

    data = erp.data("GET", FEED)

    assert data == {
        "items": [
            {
                "id": "p1",
                "externalId": "th-100",
                "name": "温湿度传感器",
                "description": "What it is good for.",
                "images": ["/a.svg"],
                "merchant": {"externalId": "m-1", "name": "Nordlicht"},
                "status": 0,
                "translations": {"en": {"name": "Sensor"}},
                "skus": [
                    {
                        "code": "A",
                        "externalId": "4711",
                        "attributes": {"颜色": "白"},
                        "price": 149.99,
                        "originalPrice": 199.99,
                        "stock": 100,
                        "tracksStock": True,
                        "purchaseLimit": 3,
                        "minQuantity": 2,
                        "quantityStep": 4,
                        "barcode": "4006381333931",
                        "isActive": True,
                    },
                    {
                        "code": "B",
                        "externalId": None,
                        "attributes": {"颜色": "白"},
                        "price": 9.9,
                        "originalPrice": None,
                        "stock": None,
                        "tracksStock": False,
                        "purchaseLimit": None,
                        "minQuantity": None,
                        "quantityStep": None,
                        "barcode": "",
                        "isActive": False,
                    },
                ],
                "updatedAt": "2026-01-02T03:04:05.000Z",
            }
        ],
        "nextCursor": None,
    }


def test_what_is_read_can_be_put_back_and_changes_nothing(erp: Program) -> None:
    for number in range(3):
        product = ProductFactory.create(
            external_id=f"p-{number}",
            translations={"en": {"name": "Cup", "attributes": {"颜色": "Colour"}}},
        )
        SkuFactory.create(product=product, tracks_stock=number > 0, purchase_limit=5)
        SkuFactory.create(product=product, original_price=Decimal("200.00"), barcode="123")
    items = erp.data("GET", FEED)["items"]

    results = erp.data("PUT", FEED, {"products": items})["results"]

    assert [each["outcome"] for each in results] == ["unchanged"] * 3
    assert erp.data("GET", FEED)["items"] == items


def test_pages_follow_each_other_and_the_last_one_says_so(erp: Program) -> None:
    ids = sorted(product.pk for product in ProductFactory.create_batch(5))
    ProductFactory.create(is_deleted=True)

    pages = [erp.data("GET", FEED, query={"limit": "2"})]
    while pages[-1]["nextCursor"]:
        query = {"limit": "2", "cursor": pages[-1]["nextCursor"]}
        pages.append(erp.data("GET", FEED, query=query))

    shown = [[item["id"] for item in page["items"]] for page in pages]
    assert shown == [ids[:2], ids[2:4], ids[4:]]
    full = erp.data("GET", FEED, query={"limit": "5"})
    assert (len(full["items"]), full["nextCursor"]) == (5, None)


CHANGES: dict[str, Callable[[Sku], Any]] = {
    "product": lambda sku: Product.objects.get(pk=sku.product_id).save(),
    "sku": lambda sku: sku.save(),
    "deleted sku": lambda sku: Sku.objects.filter(pk=sku.pk).update(
        is_deleted=True, updated_at=timezone.now()
    ),
    "merchant": lambda sku: Merchant.objects.get(products__skus=sku).save(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_is_read_and_nothing_else(erp: Program, change: Callable[[Sku], Any]) -> None:
    _, changed, _ = SkuFactory.create_batch(3)
    set_times(THEN)
    asked = timezone.now()

    change(changed)

    [item] = read_all(erp, updatedSince=format_time(asked))
    assert item["id"] == changed.product_id
    assert item["updatedAt"] >= format_time(asked)


def test_by_every_way_of_the_staff_a_change_is_read(erp: Program) -> None:
    skus = SkuFactory.create_batch(4)
    staff = sign_in_superuser()
    pages = [
        ("product", {"action": "take_off_shelf", "_selected_action": skus[0].product_id}),
        ("product", {"action": "put_on_shelf", "_selected_action": skus[1].product_id}),
        ("sku", {"action": "delete_selected", "_selected_action": skus[2].pk, "post": "yes"}),
    ]
    set_times(THEN)
    asked = timezone.now()

    for model, form in pages:
        assert staff.post(f"/admin/products/{model}/", form).status_code == 302

    items = read_all(erp, updatedSince=format_time(asked))
    assert {item["id"] for item in items} == {sku.product_id for sku in skus[:3]}


def test_a_change_that_was_committed_later_than_its_time_is_not_missed(erp: Program) -> None:
    late, old = SkuFactory.create_batch(2)
    asked = timezone.now()
    set_times(asked - timedelta(minutes=5, seconds=1))
    Sku.objects.filter(pk=late.pk).update(updated_at=asked - timedelta(minutes=4, seconds=59))

    items = read_all(erp, updatedSince=format_time(asked))

    assert [item["id"] for item in items] == [late.product_id]
    assert old.product_id not in {item["id"] for item in items}


def test_nothing_is_missed_while_things_change() -> None:
    """Between any two pages something changes; a second read brings what the first has not."""
    products = sorted(ProductFactory.create_batch(12), key=lambda product: product.pk)
    set_times(THEN)
    begun, mirror, cursor, turn = timezone.now(), dict[str, str](), "", 0
    while True:
        page = read_feed(since=None, cursor=cursor, limit=3)
        mirror |= {each.product.pk: each.product.name for each in page.products}
        # One that was read before, one that is still to come, and a new one.
        for product in (products[turn], products[-turn - 1]):
            product.name = f"{product.name} at {turn}"
            product.save()
        ProductFactory.create()
        turn += 1
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    assert mirror != dict(Product.objects.values_list("pk", "name"))

    cursor = ""
    while page := read_feed(since=begun, cursor=cursor, limit=3):
        mirror |= {each.product.pk: each.product.name for each in page.products}
        if not page.next_cursor:
            break
        cursor = page.next_cursor

    assert mirror == dict(Product.objects.values_list("pk", "name"))


@pytest.mark.parametrize("query", [{}, {"updatedSince": "2026-01-01T00:00:00Z"}])
def test_a_page_costs_the_same_queries_whatever_its_length(
    erp: Program, query: dict[str, str]
) -> None:
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            erp.data("GET", FEED, query=query)
        return len(queries)

    SkuFactory.create()
    count_queries()
    few = count_queries()
    SkuFactory.create_batch(20)

    # The key, the products, and their SKUs.
    assert (few, count_queries()) == (3, 3)


def test_a_read_of_few_changes_uses_the_indexes_by_time() -> None:
    merchant = MerchantFactory.create()
    products = Product.objects.bulk_create(
        Product(merchant=merchant, name="Cup") for _ in range(3_000)
    )
    Sku.objects.bulk_create(
        Sku(product=product, code=product.pk, price=1, stock=1) for product in products
    )
    set_times(THEN)
    with CaptureQueriesContext(connection) as queries:
        read_feed(since=timezone.now(), cursor="", limit=10)

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_product, products_sku, products_merchant")
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "product_by_change" in plan
    assert "sku_by_change" in plan


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "ten"),
        ("limit", "9" * 30),
        ("cursor", "a b"),
        ("cursor", "\0"),
        ("cursor", "x" * 65),
        ("updatedSince", "yesterday"),
        ("updatedSince", "2026-01-02"),
        ("updatedSince", "2026-01-02T03:04:05"),
        ("updatedSince", "2026-13-02T03:04:05Z"),
        ("updatedSince", "2026-01-02T03:04:05 08:00"),
        ("updatedSince", "\0"),
    ],
)
def test_a_bad_query_is_told_by_its_field(erp: Program, name: str, value: str) -> None:
    envelope = erp.call("GET", FEED, query={name: value}).json()

    assert (envelope["code"], envelope["error"]["type"]) == (400, "invalid_field")
    assert envelope["error"]["field"] == name


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("0001-01-01T00:00:00+14:00", 1),
        ("1969-12-31T23:59:59Z", 1),
        ("2026-01-02T11:04:05+08:00", 1),
        ("9999-12-31T23:59:59-14:00", 0),
    ],
)
def test_any_time_can_be_asked_for(erp: Program, since: str, count: int) -> None:
    ProductFactory.create()
    set_times(THEN)

    assert len(read_all(erp, updatedSince=since)) == count
