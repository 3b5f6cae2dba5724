"""Reading offers and snapshots: live, exact, one query, whatever is asked."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from products.catalogue import read_offers, read_snapshots
from products.models import Product, PurchaseTally, Sku, SkuRevision
from products.offers import Offer, Snapshot
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

BUYER = "user:u1"


def read_offer(sku: Sku, buyer: str = BUYER) -> Offer:
    return read_offers(sku_ids=[sku.id], buyer=buyer)[sku.id]


@pytest.mark.django_db
def test_an_offer_says_everything_about_a_sku() -> None:
    merchant = MerchantFactory.create(name="澄明传感")
    product = ProductFactory.create(
        merchant=merchant, name="温湿度传感器", description="准", images=["/a.svg", "/b.svg"]
    )
    sku = SkuFactory.create(
        product=product,
        code="TH-100-WHT",
        attributes={"颜色": "白"},
        price=Decimal("149.99"),
        original_price=Decimal("199.90"),
        stock=7,
        purchase_limit=3,
    )
    PurchaseTally.objects.create(sku=sku, buyer=BUYER, units=2)

    offers = read_offers(sku_ids=[sku.id], buyer=BUYER)

    assert offers == {
        sku.id: Offer(
            sku_id=sku.id,
            product_id=product.id,
            code="TH-100-WHT",
            attributes_json='{"颜色": "白"}',
            price_cents=14999,
            original_price_cents=19990,
            stock=7,
            purchase_limit=3,
            bought=2,
            revision=sku.revision,
            card_json=(
                f'"id":"{product.id}","name":"温湿度传感器","description":"准",'
                '"images":["/a.svg", "/b.svg"],"status":1,'
                f'"merchant":{{"id":"{merchant.id}","name":"澄明传感"}}'
            ),
            status=1,
            is_deleted=False,
            is_active=True,
        )
    }


@pytest.mark.django_db
def test_prices_are_live_and_exact() -> None:
    sku = SkuFactory.create(original_price=None)
    for price, cents in [("0.00", 0), ("0.07", 7), ("1.15", 115), ("9999999.99", 999999999)]:
        Sku.objects.filter(id=sku.id).update(price=Decimal(price))
        assert read_offer(sku).price_cents == cents
    assert read_offer(sku).original_price_cents is None


@pytest.mark.django_db
def test_what_cannot_be_bought_is_included_and_says_so() -> None:
    off_shelf = SkuFactory.create(product__status=0)
    deleted = SkuFactory.create(is_deleted=True)
    of_deleted = SkuFactory.create(product__is_deleted=True)
    inactive = SkuFactory.create(is_active=False)
    skus = [off_shelf, deleted, of_deleted, inactive]

    offers = read_offers(sku_ids=[sku.id for sku in skus], buyer=BUYER)

    states = [(offers[s.id].status, offers[s.id].is_deleted, offers[s.id].is_active) for s in skus]
    assert states == [(0, False, True), (1, True, True), (1, True, True), (1, False, False)]


@pytest.mark.django_db
def test_every_sku_of_a_product_is_found_by_the_product() -> None:
    product = ProductFactory.create()
    skus = SkuFactory.create_batch(2, product=product)
    retired = SkuFactory.create(product=product, is_deleted=True)
    other = SkuFactory.create()
    SkuFactory.create()

    offers = read_offers(sku_ids=[other.id, skus[0].id], product_ids=[product.id], buyer=BUYER)
    by_product_alone = read_offers(sku_ids=[], product_ids=[product.id], buyer=BUYER)

    assert set(offers) == {skus[0].id, skus[1].id, retired.id, other.id}
    assert set(by_product_alone) == {skus[0].id, skus[1].id, retired.id}


@pytest.mark.django_db
def test_only_this_buyers_units_of_limited_skus_count() -> None:
    limited = SkuFactory.create(purchase_limit=5)
    unlimited = SkuFactory.create()
    for sku in (limited, unlimited):
        PurchaseTally.objects.create(sku=sku, buyer="user:u2", units=4)

    assert read_offer(limited, buyer="user:u1").bought == 0
    assert read_offer(limited, buyer="user:u2").bought == 4
    assert read_offer(unlimited, buyer="user:u2").bought == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "hostile", ["", "missing", "\0", "a\0b", "\ud800", "'; --", "%s", "x" * 10_000]
)
def test_unknown_and_hostile_ids_are_left_out(hostile: str) -> None:
    sku = SkuFactory.create()

    offers = read_offers(sku_ids=[hostile, sku.id], product_ids=[hostile], buyer=BUYER)

    assert list(offers) == [sku.id]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 5, 200])
def test_offers_cost_one_query_whatever_their_number(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    skus = SkuFactory.create_batch(count, product=ProductFactory.create())
    ids = [sku.id for sku in skus]

    with django_assert_num_queries(1):
        by_sku = read_offers(sku_ids=ids, buyer=BUYER)
    with django_assert_num_queries(1):
        by_product = read_offers(sku_ids=ids, product_ids=[skus[0].product_id], buyer=BUYER)

    assert len(by_sku) == len(by_product) == count


@pytest.mark.django_db
def test_nothing_asked_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert read_offers(sku_ids=[], buyer=BUYER) == {}
        assert read_snapshots([]) == {}


@pytest.mark.django_db
def test_snapshots_stay_as_they_were_added(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    sku = SkuFactory.create(product__name="TH-100", product__images=["/a.svg"])
    bare = SkuFactory.create(product__name="Bare", product__images=[], price=Decimal("0.10"))
    Product.objects.filter(id=sku.product_id).update(name="TH-200", images=[], is_deleted=True)
    Sku.objects.filter(id=sku.id).update(price=Decimal("159.99"))
    numbers = [*SkuRevision.objects.order_by("id").values_list("id", flat=True)]

    with django_assert_num_queries(1):
        snapshots = read_snapshots({sku.revision, bare.revision, 2**62})

    assert snapshots == {
        sku.revision: Snapshot("TH-100", "/a.svg", 14999),
        bare.revision: Snapshot("Bare", "", 10),
    }
    assert list(read_snapshots(numbers).values()).count(Snapshot("TH-200", "", 15999)) == 1


class Recorder:
    """Notes the statements that go through a connection."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.statements.append((sql, params))
        return execute(sql, params, many, context)


def stock_warehouse() -> list[str]:
    """Make a catalogue large enough for indexes to pay, and return a few of its SKU ids."""
    products = ProductFactory.build_batch(2_000, merchant=MerchantFactory.create())
    Product.objects.bulk_create(products)
    skus = [SkuFactory.build(product=product, purchase_limit=5) for product in products]
    Sku.objects.bulk_create(skus)
    tallies = [PurchaseTally(sku=sku, buyer="user:u2", units=1) for sku in skus]
    PurchaseTally.objects.bulk_create(tallies)
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE products_sku, products_product, products_merchant, products_purchasetally"
        )
    return [sku.id for sku in skus[:5]]


@pytest.mark.django_db
def test_skus_are_found_through_indexes() -> None:
    ids = stock_warehouse()
    recorder = Recorder()
    with connection.execute_wrapper(recorder):
        read_offers(sku_ids=ids, buyer=BUYER)
        read_offers(sku_ids=ids, product_ids=["missing"], buyer=BUYER)

    plans = []
    with connection.cursor() as cursor:
        for sql, parameters in recorder.statements:
            cursor.execute(f"EXPLAIN {sql}", parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    assert [plan.count("Seq Scan on products_sku") for plan in plans] == [0, 0]
    assert [plan.count("using tally_of_sku_and_buyer") for plan in plans] == [1, 1]


@pytest.mark.django_db
def test_reading_a_small_cart_is_planned_for_the_connection_not_for_each_request() -> None:
    ids = stock_warehouse()
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    for _ in range(20):
        read_offers(sku_ids=ids[:1], buyer=BUYER)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements "
            "WHERE statement LIKE '%products_purchasetally t%'"
        )
        ((generic_plans, custom_plans),) = cursor.fetchall()
    # PostgreSQL tries five plans for the ids at hand before it settles for one for any ids.
    assert custom_plans == 5
    assert generic_plans > 0


def connect_aside() -> psycopg.Connection:
    """Open a connection of its own to the test's database."""
    parameters = connection.get_connection_params()
    return psycopg.connect(
        autocommit=True,
        **{
            name: parameters[name]
            for name in ("dbname", "user", "password", "host", "port")
            if name in parameters
        },
    )


def kill_connection() -> None:
    """End the server process behind Django's connection, as a restart of the server does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with connect_aside() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@pytest.mark.django_db(transaction=True)
def test_a_dead_connection_is_replaced_once() -> None:
    sku = SkuFactory.create()
    kill_connection()

    assert read_offer(sku).price_cents == 14999


@pytest.mark.django_db(transaction=True)
def test_a_dead_connection_inside_a_transaction_is_not_replaced() -> None:
    sku = SkuFactory.create()

    def lose_connection_and_read() -> None:
        with transaction.atomic():
            kill_connection()
            read_offer(sku)

    with pytest.raises(OperationalError):
        lose_connection_and_read()


@pytest.mark.django_db(transaction=True)
def test_a_query_over_time_is_not_repeated(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    sku = SkuFactory.create()
    with connect_aside() as other, other.transaction():
        other.execute("LOCK products_sku IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 50")

        with django_assert_num_queries(1), pytest.raises(OperationalError, match="timeout"):
            read_offer(sku)

    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")
