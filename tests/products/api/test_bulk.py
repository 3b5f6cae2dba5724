"""PUT /api/catalogue/products, /stock and /prices: many entries at once, by service key."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Merchant, Product, Sku, StockChange
from tests.accounts.programs import Program, new_program
from tests.carts.shopper import new_guest
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

PRODUCTS, STOCK, PRICES = "/catalogue/products", "/catalogue/stock", "/catalogue/prices"


@pytest.fixture
def erp() -> Program:
    return new_program(name="erp")


def describe_sku(code: str, **values: Any) -> dict[str, Any]:
    return {"code": code, "price": 9.99, "stock": 5} | values


def describe_product(number: int, **values: Any) -> dict[str, Any]:
    return {
        "externalId": f"p-{number}",
        "name": f"Cup {number}",
        "merchant": {"name": "Nordlicht"},
        "skus": [describe_sku(f"C-{number}")],
    } | values


def done(name: str, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the results of entries that were done, by what they are known by."""
    return [
        {"index": index, name: known, "success": True, "outcome": outcome}
        for index, (known, outcome) in enumerate(pairs)
    ]


def failed(index: int, name: str, known: str | None, message: str) -> dict[str, Any]:
    return {"index": index, name: known, "success": False, "outcome": None, "message": message}


def read_failures(response: Any, count: int) -> list[dict[str, Any]]:
    """Return the results that failed, having checked the envelope around them."""
    envelope = response.json()
    results: list[dict[str, Any]] = envelope["data"]["results"]
    assert (response.status_code, envelope["message"]) == (400, f"Failed to write {count} entries")
    assert envelope["error"] == {
        "type": "batch_failed",
        "failedCount": count,
        "successCount": len(results) - count,
    }
    assert [each["index"] for each in results] == list(range(len(results)))
    return [each for each in results if not each["success"]]


def read_catalogue() -> list[Any]:
    return [
        row
        for model in (Merchant, Product, Sku, StockChange)
        for row in model._default_manager.order_by("pk").values()
    ]


def test_products_are_added_with_all_that_is_told(erp: Program) -> None:
    sku = describe_sku(
        "TH-1",
        externalId="4711",
        attributes={"颜色": "白", "A": "b"},
        originalPrice=12.5,
        tracksStock=False,
        purchaseLimit=3,
        minQuantity=2,
        quantityStep=4,
        barcode="4006381333931",
        isActive=False,
    )
    product = describe_product(
        1,
        description="Blue.",
        images=["https://example.com/a.jpg", "/static/b.svg"],
        merchant={"externalId": "m-1", "name": "Nordlicht"},
        status=0,
        translations={"en": {"name": "Mug", "attributes": {"颜色": "Colour"}}},
        skus=[sku],
    )

    data = erp.data("PUT", PRODUCTS, {"products": [product]})

    assert data == {"results": done("externalId", ("p-1", "created"))}
    row = Sku.objects.select_related("product__merchant").get(code="TH-1")
    assert (row.external_id, list(row.attributes.items())) == ("4711", [("颜色", "白"), ("A", "b")])
    assert (row.price, row.original_price) == (Decimal("9.99"), Decimal("12.50"))
    assert (row.stock, row.tracks_stock, row.is_active) == (5, False, False)
    assert (row.purchase_limit, row.min_quantity, row.quantity_step) == (3, 2, 4)
    assert row.barcode == "4006381333931"
    assert (row.product.name, row.product.description) == ("Cup 1", "Blue.")
    assert row.product.images == ["https://example.com/a.jpg", "/static/b.svg"]
    assert row.product.status == 0
    assert row.product.translations == {"en": {"name": "Mug", "attributes": {"颜色": "Colour"}}}
    assert (row.product.merchant.external_id, row.product.merchant.name) == ("m-1", "Nordlicht")


def test_the_same_again_changes_nothing_and_says_so(erp: Program) -> None:
    body = {"products": [describe_product(1), describe_product(2)]}
    erp.data("PUT", PRODUCTS, body)
    before = read_catalogue()

    data = erp.data("PUT", PRODUCTS, body)

    assert data == {"results": done("externalId", ("p-1", "unchanged"), ("p-2", "unchanged"))}
    assert read_catalogue() == before


def test_of_500_products_3_are_faulty_and_the_others_are_taken(erp: Program) -> None:
    SkuFactory.create(code="taken")
    products = [describe_product(number) for number in range(500)]
    products[7]["skus"][0]["price"] = -1
    products[250]["skus"] = [describe_sku("taken")]
    products[499]["name"] = ["Cup"]

    response = erp.call("PUT", PRODUCTS, {"products": products})

    assert read_failures(response, 3) == [
        failed(7, "externalId", "p-7", "skus[0].price must be from 0 to 9,999,999.99"),
        failed(250, "externalId", "p-250", "the code taken is that of another product"),
        failed(499, "externalId", "p-499", "name must be text"),
    ]
    results = response.json()["data"]["results"]
    assert results[8] == {
        "index": 8, "externalId": "p-8", "success": True, "outcome": "created",
    }  # fmt: skip
    taken = set(Product.objects.values_list("external_id", flat=True)) - {None}
    assert taken == {f"p-{number}" for number in range(500)} - {"p-7", "p-250", "p-499"}


def test_a_dry_run_tells_and_changes_nothing(erp: Program) -> None:
    erp.data("PUT", PRODUCTS, {"products": [describe_product(1)]})
    before = read_catalogue()
    body = {"products": [describe_product(1, name="Mug"), describe_product(2), {}]}

    response = erp.call("PUT", PRODUCTS, body, query={"dryRun": "true"})

    assert read_failures(response, 1) == [failed(2, "externalId", None, "externalId is required")]
    outcomes = [each["outcome"] for each in response.json()["data"]["results"]]
    assert outcomes == ["changed", "created", None]
    assert read_catalogue() == before


def test_first_and_corrected_stocks_are_changes_by_the_key(erp: Program) -> None:
    erp.data("PUT", PRODUCTS, {"products": [describe_product(1)]})
    erp.data(
        "PUT", PRODUCTS, {"products": [describe_product(1, skus=[describe_sku("C-1", stock=8)])]}
    )

    changes = StockChange.objects.order_by("pk").values_list("before", "after", "reason", "actor")
    assert list(changes) == [(0, 5, "initial", "key:erp"), (5, 8, "correction", "key:erp")]


def test_levels_set_stocks_and_every_change_has_its_reason_and_the_keys_name(erp: Program) -> None:
    first, second, _third = (SkuFactory.create(code=code, stock=10) for code in "ABC")
    levels = [{"code": "A", "stock": 7}, {"code": "B", "stock": 10}]

    data = erp.data("PUT", STOCK, {"levels": levels, "reason": "count", "note": "Aisle 4"})

    assert data == {"results": done("code", ("A", "changed"), ("B", "unchanged"))}
    assert dict(Sku.objects.values_list("code", "stock")) == {"A": 7, "B": 10, "C": 10}
    assert list(
        StockChange.objects.values("sku_id", "before", "after", "reason", "note", "actor")
    ) == [
        {
            "sku_id": first.pk,
            "before": 10,
            "after": 7,
            "reason": "count",
            "note": "Aisle 4",
            "actor": "key:erp",
        }
    ]
    assert second.stock_changes.count() == 0


def test_deltas_add_units_and_take_them_out(erp: Program) -> None:
    for code in "AB":
        SkuFactory.create(code=code, stock=10)
    deltas = [{"code": "A", "units": 5}, {"code": "B", "units": -10}, {"code": "A", "units": -1}]

    data = erp.data("PUT", STOCK, {"deltas": deltas})

    assert [each["outcome"] for each in data["results"]] == ["changed"] * 3
    assert dict(Sku.objects.values_list("code", "stock")) == {"A": 14, "B": 0}
    changes = StockChange.objects.order_by("pk").values_list("before", "after", "reason", "note")
    assert list(changes) == [
        (10, 15, "correction", ""),
        (10, 0, "correction", ""),
        (15, 14, "correction", ""),
    ]


def test_faulty_stocks_are_told_by_index_and_the_others_are_set(erp: Program) -> None:
    SkuFactory.create(code="A", stock=10)
    SkuFactory.create(code="gone", is_deleted=True)
    deltas = [
        {"code": "A", "units": -11},
        {"code": "none", "units": 1},
        {"code": "gone", "units": 1},
        {"code": "A", "units": 1_000_000_000},
        {"code": "A", "units": True},
        {"code": "A", "units": 1_000_000_001},
        {"units": 1},
        "A",
        {"code": "A", "units": 2},
    ]

    response = erp.call("PUT", STOCK, {"deltas": deltas})

    assert read_failures(response, 8) == [
        failed(0, "code", "A", "only 10 units are left"),
        failed(1, "code", "none", "there is no SKU of the code none"),
        failed(2, "code", "gone", "there is no SKU of the code gone"),
        failed(3, "code", "A", "the stock would be above 1,000,000,000"),
        failed(4, "code", "A", "units must be a whole number"),
        failed(5, "code", "A", "units must be from -1,000,000,000 to 1,000,000,000"),
        failed(6, "code", None, "code is required"),
        failed(7, "code", None, "must be an object"),
    ]
    assert Sku.objects.get(code="A").stock == 12


def test_prices_are_set_and_an_original_price_is_kept_set_or_taken_away(erp: Program) -> None:
    for code in "ABCD":
        SkuFactory.create(code=code, price=Decimal("5.00"), original_price=Decimal("8.00"))
    prices = [
        {"code": "A", "price": 4.5},
        {"code": "B", "price": 5, "originalPrice": None},
        {"code": "C", "price": 5, "originalPrice": 9.99},
        {"code": "D", "price": 5.00},
        {"code": "none", "price": 1},
        {"code": "A", "price": 1.234},
        {"code": "A", "price": "1"},
    ]

    response = erp.call("PUT", PRICES, {"prices": prices})

    assert read_failures(response, 3) == [
        failed(4, "code", "none", "there is no SKU of the code none"),
        failed(5, "code", "A", "price must have two decimals at most"),
        failed(6, "code", "A", "price must be a number"),
    ]
    outcomes = [each["outcome"] for each in response.json()["data"]["results"]]
    assert outcomes[:4] == ["changed", "changed", "changed", "unchanged"]
    assert list(Sku.objects.order_by("code").values_list("price", "original_price")) == [
        (Decimal("4.50"), Decimal("8.00")),
        (Decimal("5.00"), None),
        (Decimal("5.00"), Decimal("9.99")),
        (Decimal("5.00"), Decimal("8.00")),
    ]


@pytest.mark.parametrize(
    ("path", "scope", "missing"),
    [
        (PRODUCTS, "stock:write", "catalogue:write"),
        (PRICES, "catalogue:read", "catalogue:write"),
        (STOCK, "catalogue:write", "stock:write"),
    ],
)
def test_a_key_without_the_scope_changes_nothing(path: str, scope: str, missing: str) -> None:
    SkuFactory.create(code="A")
    before = read_catalogue()
    body = {
        "products": [describe_product(1)],
        "prices": [{"code": "A", "price": 1}],
        "levels": [{"code": "A", "stock": 1}],
    }

    response = new_program(scope).call("PUT", path, body)

    assert response.status_code == 403
    assert response.json()["error"] == {"type": "insufficient_scope", "scope": missing}
    assert read_catalogue() == before


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (PRODUCTS, {}, "products"),
        (PRODUCTS, {"products": {}}, "products"),
        (PRODUCTS, {"products": []}, "products"),
        (PRODUCTS, {"products": [{}] * 501}, "products"),
        (STOCK, {}, "levels"),
        (STOCK, {"levels": [], "deltas": []}, "levels"),
        (STOCK, {"levels": None}, "levels"),
        (STOCK, {"deltas": "all"}, "deltas"),
        (STOCK, {"deltas": [{"code": "A", "units": 1}] * 5_001}, "deltas"),
        (STOCK, {"levels": [{"code": "A", "stock": 1}], "reason": "whim"}, "reason"),
        (STOCK, {"levels": [{"code": "A", "stock": 1}], "reason": ["count"]}, "reason"),
        (STOCK, {"levels": [{"code": "A", "stock": 1}], "reason": {}}, "reason"),
        (STOCK, {"levels": [{"code": "A", "stock": 1}], "note": "n" * 201}, "note"),
        (STOCK, {"levels": [{"code": "A", "stock": 1}], "note": 5}, "note"),
        (PRICES, {"prices": 5}, "prices"),
        (PRICES, {"prices": [{"code": "A", "price": 1}] * 5_001}, "prices"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_malformed_as_a_whole_changes_nothing(
    erp: Program, path: str, body: Any, field: str
) -> None:
    SkuFactory.create(code="A")
    before = read_catalogue()

    envelope = erp.call("PUT", path, body).json()

    assert (envelope["code"], envelope["error"]["type"]) == (400, "invalid_field")
    assert envelope["error"]["field"] == field
    assert read_catalogue() == before


def test_5000_prices_are_taken(erp: Program) -> None:
    SkuFactory.create(code="A")

    data = erp.data("PUT", PRICES, {"prices": [{"code": "A", "price": 3}] * 5_000})

    assert [each["outcome"] for each in data["results"]] == ["changed"] + ["unchanged"] * 4_999


OF_PRODUCTS = (
    "externalId", "name", "description", "images", "merchant", "status", "translations", "skus",
)  # fmt: skip
OF_SKUS = (
    "code", "externalId", "attributes", "price", "originalPrice", "stock", "tracksStock",
    "purchaseLimit", "minQuantity", "quantityStep", "barcode", "isActive",
)  # fmt: skip
HOSTILE: list[Any] = [
    None, True, 0, -1, 1e308, 10**30, "", " ", "a" * 5_000, [], {}, [[]], {"a": {}}, "A\u202e",
    "😀",
]  # fmt: skip


def describe_hostile_products(value: Any) -> list[Any]:
    """Return products of which each has the value in another place."""
    skus = [describe_sku("N") | {name: value} for name in OF_SKUS]
    return [
        *(describe_product(index, skus=[sku]) for index, sku in enumerate(skus)),
        *(describe_product(1) | {name: value} for name in OF_PRODUCTS),
        describe_product(1, translations={"en": value}),
        describe_product(1, merchant={"name": value}),
        value,
    ]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_no_value_of_any_member_is_a_server_error(erp: Program, value: Any) -> None:
    SkuFactory.create(code="A")
    entries = [{"code": "A", name: value} for name in ("stock", "units", "price")]
    entries += [{"code": value, "stock": 1, "units": 1, "price": 1}, value]
    prices = [*entries, {"code": "A", "price": 1, "originalPrice": value}]

    statuses = [
        erp.call("PUT", PRODUCTS, {"products": describe_hostile_products(value)}).status_code,
        erp.call("PUT", STOCK, {"levels": entries}).status_code,
        erp.call("PUT", STOCK, {"deltas": entries}).status_code,
        erp.call("PUT", PRICES, {"prices": prices}).status_code,
        erp.call("PUT", STOCK, {"levels": value}).status_code,
        erp.call("PUT", PRICES, value if isinstance(value, dict) else [value]).status_code,
    ]

    assert statuses == [400] * 6


@pytest.mark.parametrize(
    "content",
    [
        b'{"prices":[{"code":"A","price":NaN}]}',
        b'{"prices":[{"code":"A","price":1e999}]}',
        b'{"prices":[{"code":"A\\u0000","price":1}]}',
        b'{"prices":[{"code":"\\ud800","price":1}]}',
        b'{"prices":[{"code":"A","price":1,"price":2}]}',
        b'{"prices":[{"code":"\xff","price":1}]}',
        b'{"prices":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"prices":[{"code":"A","price":' + b"9" * 5_000 + b"}]}",
        b'{"prices":[{"code":"A","price":1}',
        b'{"prices":"' + b"[" * 50,
        b"[]",
    ],
    ids=lambda content: repr(content)[:40],
)
def test_what_is_no_json_of_ours_changes_nothing(erp: Program, content: bytes) -> None:
    SkuFactory.create(code="A", price=7)

    response = erp.send("PUT", PRICES, content)

    assert response.status_code == 400
    assert Sku.objects.get().price == 7


def test_duplicates_in_one_body_are_one_after_the_other(erp: Program) -> None:
    body = {"products": [describe_product(1), describe_product(1), describe_product(1, name="Mug")]}

    response = erp.call("PUT", PRODUCTS, body)

    assert response.status_code == 200
    assert Product.objects.get().name == "Mug"
    assert Sku.objects.count() == 1


def test_a_body_may_have_8_mib_here_and_nowhere_else(erp: Program) -> None:
    SkuFactory.create(code="A")
    padding = {"prices": [{"code": "A", "price": 1}], "more": "x" * 8_388_000}
    too_long = {"prices": [{"code": "A", "price": 1}], "more": "x" * 8_388_608}

    assert erp.call("PUT", PRICES, padding).status_code == 200
    response = erp.call("PUT", PRICES, too_long)
    assert (response.status_code, response.json()["error"]["maxBytes"]) == (413, 8_388_608)
    elsewhere = erp.call("POST", "/auth/login", {"more": "x" * 65_536})
    assert (elsewhere.status_code, elsewhere.json()["error"]["maxBytes"]) == (413, 65_536)


def test_many_entries_cost_no_more_queries_than_few(erp: Program) -> None:
    codes = [sku.code for sku in SkuFactory.create_batch(40)]

    def count_queries(count: int, value: int) -> int:
        levels = [{"code": code, "stock": value} for code in codes[:count]]
        prices = [{"code": code, "price": value} for code in codes[:count]]
        with CaptureQueriesContext(connection) as queries:
            erp.data("PUT", STOCK, {"levels": levels})
            erp.data("PUT", PRICES, {"prices": prices})
        return len(queries)

    # The first call also notes that the key is used.
    count_queries(1, 1)

    assert count_queries(40, 3) == count_queries(1, 2)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PRODUCTS), ("DELETE", PRICES), ("GET", STOCK)]
)
def test_other_methods_are_405(erp: Program, method: str, path: str) -> None:
    assert erp.call(method, path).status_code == 405


def test_what_is_written_is_sold_at_once(erp: Program) -> None:
    sku = SkuFactory.create(code="A", price=5, stock=1)
    guest = new_guest()
    guest.add(sku)

    erp.data("PUT", PRICES, {"prices": [{"code": "A", "price": 4.25}]})
    erp.data("PUT", STOCK, {"levels": [{"code": "A", "stock": 0}]})

    line = guest.cart()["unavailableItems"][0]
    assert line["reason"] == "out_of_stock"
