"""GET /api/products, /api/products/{id} and /api/merchants."""

import re
from decimal import Decimal
from typing import Any

import factory
import pytest
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.http import ratelimit
from products import listing
from products.listing import ORDERINGS
from products.models import Product, Sku
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def get_data(client: Client, path: str, **query: str) -> Any:
    response = client.get(path, query)
    body = response.json()
    assert (response.status_code, body["code"], body["message"]) == (200, 200, "Success")
    return body["data"]


def list_names(client: Client, **query: str) -> list[str]:
    return [item["name"] for item in get_data(client, "/api/products", **query)["items"]]


@pytest.fixture
def sensor() -> Product:
    """A product with two active SKUs, and two that are not for sale."""
    merchant = MerchantFactory.create(id="m1", name="澄明传感")
    product = ProductFactory.create(
        id="p1", merchant=merchant, name="温湿度传感器", description="准", images=["/a.svg"]
    )
    white = {"颜色": "白"}
    SkuFactory.create(
        id="s2", product=product, code="B", price=Decimal("149.99"), stock=3, attributes=white,
        original_price=Decimal("199.90"), purchase_limit=2,
    )  # fmt: skip
    SkuFactory.create(id="s1", product=product, code="A", price=200, stock=4, attributes={})
    SkuFactory.create(product=product, price=1, is_active=False)
    SkuFactory.create(product=product, price=1, is_deleted=True)
    return product


SENSOR = {
    "id": "p1",
    "name": "温湿度传感器",
    "description": "准",
    "price": 149.99,
    "originalPrice": 199.9,
    "stock": 7,
    "images": ["/a.svg"],
    "status": 1,
    "merchant": {"id": "m1", "name": "澄明传感"},
    "skuCount": 2,
}


@pytest.mark.usefixtures("sensor")
def test_a_list_shows_products_at_their_lowest_price_with_all_their_stock(client: Client) -> None:
    data = get_data(client, "/api/products")

    assert data == {"items": [SENSOR], "total": 1, "page": 1, "pageSize": 20}


@pytest.mark.usefixtures("sensor")
def test_a_product_comes_with_its_active_skus_by_code(client: Client) -> None:
    data = get_data(client, "/api/products/p1")

    expensive = {
        "id": "s1",
        "code": "A",
        "attributes": {},
        "price": 200.0,
        "originalPrice": None,
        "stock": 4,
        "purchaseLimit": None,
    }
    cheap = {
        "id": "s2",
        "code": "B",
        "attributes": {"颜色": "白"},
        "price": 149.99,
        "originalPrice": 199.9,
        "stock": 3,
        "purchaseLimit": 2,
    }
    assert data == SENSOR | {"skus": [expensive, cheap]}


def test_prices_are_live_whatever_route_changes_them(client: Client, sensor: Product) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_sku SET price = 0.07 WHERE id = 's1'")

    assert get_data(client, "/api/products")["items"][0]["price"] == 0.07
    assert get_data(client, f"/api/products/{sensor.id}")["price"] == 0.07


@pytest.mark.parametrize(
    "change",
    [
        {"product": {"status": 0}},
        {"product": {"is_deleted": True}},
        {"sku": {"is_active": False}},
        {"sku": {"is_deleted": True}},
    ],
)
def test_what_is_not_for_sale_is_neither_listed_nor_found(
    client: Client, sensor: Product, change: dict[str, dict[str, Any]]
) -> None:
    Product.objects.update(**change.get("product", {"description": "New."}))
    Sku.objects.update(**change.get("sku", {"stock": 1}))

    assert get_data(client, "/api/products") == {
        "items": [],
        "total": 0,
        "page": 1,
        "pageSize": 20,
    }
    assert client.get(f"/api/products/{sensor.id}").status_code == 404


@pytest.mark.parametrize(
    "product_id", ["missing", "%00", "a%00b", "%FF", "'", "x" * 5_000, "%2e%2e"]
)
def test_an_unknown_product_is_a_404_in_the_envelope(client: Client, product_id: str) -> None:
    response = client.get(f"/api/products/{product_id}")

    body = response.json()
    del body["timestamp"]
    assert response.status_code == 404
    assert body == {
        "code": 404,
        "message": "Product not found",
        "data": None,
        "success": False,
        "error": {"type": "not_found"},
    }


def make_range() -> None:
    """Three products: cheap and old, dear and new, and one in between which is sold out."""
    names = [("Alarm", 10, 5), ("Bell", 20, 0), ("Clock", 30, 5)]
    for day, (name, price, stock) in enumerate(names, start=1):
        product = ProductFactory.create(
            name=name, created_at=timezone.now().replace(year=2026, month=1, day=day)
        )
        SkuFactory.create(product=product, price=price, stock=stock)
        SkuFactory.create(product=product, price=price + 15, stock=0)


@pytest.mark.parametrize(
    ("ordering", "names"),
    [
        ("", ["Clock", "Bell", "Alarm"]),
        ("-createdAt", ["Clock", "Bell", "Alarm"]),
        ("createdAt", ["Alarm", "Bell", "Clock"]),
        ("price", ["Alarm", "Bell", "Clock"]),
        ("-price", ["Clock", "Bell", "Alarm"]),
        ("name", ["Alarm", "Bell", "Clock"]),
        ("-name", ["Clock", "Bell", "Alarm"]),
    ],
)
def test_products_come_in_the_order_asked_for(
    client: Client, ordering: str, names: list[str]
) -> None:
    make_range()

    assert list_names(client, ordering=ordering) == names


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_of_equal_products_neither_repeat_nor_skip(client: Client, ordering: str) -> None:
    now = timezone.now()
    products = ProductFactory.create_batch(7, name="Same", created_at=now)
    for product in products:
        SkuFactory.create(product=product)

    pages = [
        get_data(client, "/api/products", ordering=ordering, page=str(page), pageSize="3")
        for page in (1, 2, 3, 4)
    ]

    ids = [item["id"] for page in pages for item in page["items"]]
    assert sorted(ids) == sorted(product.id for product in products)
    assert [len(page["items"]) for page in pages] == [3, 3, 1, 0]
    assert [(page["total"], page["page"], page["pageSize"]) for page in pages] == [
        (7, 1, 3),
        (7, 2, 3),
        (7, 3, 3),
        (7, 4, 3),
    ]


@pytest.mark.parametrize(
    ("in_stock", "names"),
    [("true", ["Alarm", "Clock"]), ("false", ["Bell"]), ("", ["Alarm", "Bell", "Clock"])],
)
def test_stock_filters(client: Client, in_stock: str, names: list[str]) -> None:
    make_range()

    assert list_names(client, inStock=in_stock, ordering="name") == names


def test_the_stock_of_inactive_skus_does_not_count(client: Client) -> None:
    product = SkuFactory.create(stock=0).product
    SkuFactory.create(product=product, stock=5, is_active=False)

    assert list_names(client, inStock="true") == []
    assert get_data(client, "/api/products", inStock="false")["items"][0]["stock"] == 0


def test_a_merchants_products_alone(client: Client) -> None:
    mine = SkuFactory.create().product
    SkuFactory.create()

    assert list_names(client, merchantId=mine.merchant_id) == [mine.name]
    assert list_names(client, merchantId="missing") == []


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("温湿度", ["温湿度传感器 TH-100"]),
        ("度", ["温湿度传感器 TH-100"]),
        ("th-100", ["温湿度传感器 TH-100"]),
        ("  传感器   th  ", ["温湿度传感器 TH-100"]),
        ("ACCURATE", ["温湿度传感器 TH-100"]),
        ("100", ["100% Cotton Towel", "温湿度传感器 TH-100"]),
        ("100%", ["100% Cotton Towel"]),
        ("传感器 towel", []),
        ("_", []),
        ("\\", []),
        ("'", []),
        ("", ["100% Cotton Towel", "温湿度传感器 TH-100"]),
    ],
)
def test_every_word_of_a_search_must_occur(client: Client, search: str, names: list[str]) -> None:
    SkuFactory.create(product__name="温湿度传感器 TH-100", product__description="Accurate.")
    SkuFactory.create(product__name="100% Cotton Towel", product__description="Soft.")

    assert list_names(client, search=search, ordering="name") == names


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"ordering": "stock"}, "ordering"),
        ({"ordering": "created_at"}, "ordering"),
        ({"inStock": "yes"}, "inStock"),
        ({"inStock": "True"}, "inStock"),
        ({"page": "0"}, "page"),
        ({"page": "-1"}, "page"),
        ({"page": "١"}, "page"),
        ({"pageSize": "101"}, "pageSize"),
        ({"search": "x" * 101}, "search"),
        ({"search": "a " * 11}, "search"),
        ({"search": "a\0b"}, "search"),
        ({"merchantId": "\0"}, "merchantId"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(
    client: Client, query: dict[str, str], field: str
) -> None:
    response = client.get("/api/products", query)

    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["type"], error["field"]) == ("invalid_field", field)


@pytest.mark.parametrize("count", [1, 5, 50])
@pytest.mark.parametrize(
    "query", [{}, {"ordering": "price", "search": "Product", "inStock": "true"}]
)
def test_queries_are_constant(
    client: Client,
    count: int,
    query: dict[str, str],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for product in ProductFactory.create_batch(count):
        SkuFactory.create_batch(2, product=product)

    with django_assert_num_queries(3):
        data = get_data(client, "/api/products", pageSize="100", **query)
    with django_assert_num_queries(2):
        get_data(client, f"/api/products/{data['items'][0]['id']}")
    with django_assert_num_queries(2):
        get_data(client, "/api/merchants")

    assert len(data["items"]) == count


def test_merchants_come_by_name_in_pages(client: Client) -> None:
    for name in ("Beta", "Alpha", "Gamma"):
        MerchantFactory.create(id=name.lower(), name=name)

    first = get_data(client, "/api/merchants", pageSize="2")
    second = get_data(client, "/api/merchants", pageSize="2", page="2")

    assert first == {
        "items": [{"id": "alpha", "name": "Alpha"}, {"id": "beta", "name": "Beta"}],
        "total": 3,
        "page": 1,
        "pageSize": 2,
    }
    assert second["items"] == [{"id": "gamma", "name": "Gamma"}]


@pytest.mark.parametrize("path", ["/api/products", "/api/products/p1", "/api/merchants"])
def test_the_catalogue_is_public_and_read_only(client: Client, sensor: Product, path: str) -> None:
    expired = {"Authorization": "Bearer expired"}

    assert client.get(path, headers=expired).status_code == 200
    assert client.head(path).status_code == 200
    for method in (client.post, client.put, client.patch, client.delete):
        response = method(path, {"price": 1}, content_type="application/json")
        assert (response.status_code, response.json()["error"]["type"]) == (
            405,
            "method_not_allowed",
        )


def read_plan(client: Client, **query: str) -> str:
    """Return how PostgreSQL counts and finds the page."""
    statements: list[tuple[str, Any]] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        get_data(client, "/api/products", **query)
    plans = []
    with connection.cursor() as cursor:
        for sql, params in statements[:2]:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS) {sql}", params)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    return "\n\n".join(plans)


def fill_catalogue() -> None:
    merchant, *others = MerchantFactory.create_batch(30)
    products = ProductFactory.build_batch(2_900, merchant=factory.Iterator(others))
    products += ProductFactory.build_batch(100, merchant=merchant, name="Barometer")
    Product.objects.bulk_create(products, batch_size=500)
    skus = [SkuFactory.build(product=product) for product in products]
    Sku.objects.bulk_create(skus, batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE products_productlisting, products_productwords, products_product, "
            "products_merchant"
        )
        cursor.execute("SELECT gin_clean_pending_list('words_grams')")


def test_lists_and_searches_of_a_large_catalogue_use_their_indexes(client: Client) -> None:
    fill_catalogue()
    queries: list[tuple[dict[str, str], str]] = [
        ({}, "listing_by_age"),
        ({"ordering": "name"}, "listing_by_name"),
        ({"ordering": "price"}, "listing_by_price"),
        ({"ordering": "-price", "inStock": "true"}, "listing_by_price"),
        (
            {
                "merchantId": Product.objects.filter(name="Barometer").values_list(
                    "merchant_id", flat=True
                )[0]
            },
            "listing_of_merchant",
        ),
        ({"search": "barometer"}, "words_grams"),
        ({"search": "ba"}, "words_grams"),
        ({"search": "锅"}, "words_grams"),
    ]

    for query, index in queries:
        plan = read_plan(client, pageSize="5", **query)
        assert index in plan
        assert "SubPlan" not in plan
        assert "on products_sku" not in plan

    deep = read_plan(client, pageSize="5", page="500", ordering="price")
    lookups = re.findall(r"on products_product \(actual rows=[\d.]+ loops=(\d+)\)", deep)
    assert lookups == ["5"]


@override_settings(RATE_LIMIT_CATALOGUE_PER_ADDRESS=3)
def test_an_address_reads_the_catalogue_only_so_often(client: Client, sensor: Product) -> None:
    paths = ["/api/products", f"/api/products/{sensor.id}", "/api/merchants"]

    statuses = [client.get(path).status_code for path in [*paths, *paths]]

    refusal = client.get("/api/products")
    assert statuses == [200, 200, 200, 429, 429, 429]
    assert refusal.json()["error"]["type"] == "rate_limited"
    assert 1 <= int(refusal["Retry-After"]) <= 60
    assert client.get("/api/products", REMOTE_ADDR="192.0.2.7").status_code == 200


@override_settings(RATE_LIMIT_CATALOGUE_PER_ADDRESS=1)
def test_the_catalogue_is_shown_while_nothing_can_be_counted(
    client: Client, sensor: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(ratelimit, "get_redis_connection", lambda _: nobody)

    assert [client.get("/api/products").status_code for _ in range(3)] == [200, 200, 200]


def test_a_search_counts_and_shows_the_first_results_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for price in range(1, 8):
        SkuFactory.create(product__name=f"Lamp {price}", price=price)
    monkeypatch.setattr(listing, "MAX_SEARCH_RESULTS", 5)
    query = {"search": "lamp", "ordering": "price", "pageSize": "3"}

    # Once where all that is found is sorted, once where it is read in order.
    for most_sorted in (10, 6):
        monkeypatch.setattr(listing, "_MOST_SORTED", most_sorted)
        pages = [get_data(client, "/api/products", page=str(page), **query) for page in (1, 2, 3)]

        prices = [[item["price"] for item in page["items"]] for page in pages]
        assert prices == [[1, 2, 3], [4, 5], []]
        assert {page["total"] for page in pages} == {5}
