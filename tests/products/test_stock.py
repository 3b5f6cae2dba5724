"""Taking and giving back what buyers compete for."""

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict
from threading import Barrier

import pytest
from django.db import IntegrityError, OperationalError, transaction
from pytest_django import DjangoAssertNumQueries

from products.errors import AllowanceTooLow, StockTooLow
from products.models import PurchaseTally, Sku, SkuRevision
from products.stock import give_back
from tests.factories import ProductFactory, SkuFactory
from tests.products.rows import read_stock, read_tallies, take_units
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import LOCK_SKUS, READ_STOCK, act_after, replace_step

BUYER = "user:u1"


@pytest.mark.django_db
def test_take_lowers_stock_and_tallies_the_buyer() -> None:
    limited, unlimited = SkuFactory.create(stock=5, purchase_limit=3), SkuFactory.create(stock=9)

    take_units(buyer=BUYER, units={limited.id: 1, unlimited.id: 4})
    take_units(buyer=BUYER, units={limited.id: 2})

    assert read_stock(limited, unlimited) == [2, 5]
    assert read_tallies() == {(limited.id, BUYER): 3, (unlimited.id, BUYER): 4}


@pytest.mark.django_db
def test_take_over_stock_is_refused_and_changes_nothing() -> None:
    plenty, scarce = SkuFactory.create(stock=100), SkuFactory.create(stock=5)

    with pytest.raises(StockTooLow) as refusal:
        take_units(buyer=BUYER, units={plenty.id: 1, scarce.id: 6})

    assert asdict(refusal.value) == {"sku_id": scarce.id, "available": 5, "requested": 6}
    assert read_stock(plenty, scarce) == [100, 5]
    assert read_tallies() == {}


@pytest.mark.django_db
def test_take_over_the_purchase_limit_is_refused_and_changes_nothing() -> None:
    plenty, limited = SkuFactory.create(stock=100), SkuFactory.create(stock=100, purchase_limit=3)
    take_units(buyer=BUYER, units={limited.id: 2})

    with pytest.raises(AllowanceTooLow) as refusal:
        take_units(buyer=BUYER, units={plenty.id: 1, limited.id: 2})

    assert asdict(refusal.value) == {
        "sku_id": limited.id,
        "limit": 3,
        "bought": 2,
        "requested": 2,
    }
    assert read_stock(plenty, limited) == [100, 98]
    assert read_tallies() == {(limited.id, BUYER): 2}


@pytest.mark.django_db
def test_each_buyer_has_an_allowance_of_their_own() -> None:
    limited = SkuFactory.create(stock=10, purchase_limit=2)

    take_units(buyer="user:u1", units={limited.id: 2})
    take_units(buyer="guest:u1", units={limited.id: 2})

    assert read_tallies() == {(limited.id, "user:u1"): 2, (limited.id, "guest:u1"): 2}


@pytest.mark.django_db
def test_a_limit_set_later_counts_earlier_purchases() -> None:
    sku = SkuFactory.create(stock=10)
    take_units(buyer=BUYER, units={sku.id: 3})
    Sku.objects.update(purchase_limit=3)

    with pytest.raises(AllowanceTooLow):
        take_units(buyer=BUYER, units={sku.id: 1})

    assert read_stock(sku) == [7]


@pytest.mark.django_db
def test_an_unknown_sku_has_no_stock() -> None:
    sku = SkuFactory.create()

    with pytest.raises(StockTooLow) as refusal:
        take_units(buyer=BUYER, units={sku.id: 1, "missing": 1})

    assert (refusal.value.sku_id, refusal.value.available) == ("missing", 0)
    assert read_stock(sku) == [100]


@pytest.mark.django_db
def test_give_back_undoes_a_take() -> None:
    limited, other = SkuFactory.create(stock=5, purchase_limit=3), SkuFactory.create(stock=9)
    take_units(buyer=BUYER, units={limited.id: 3, other.id: 4})
    Sku.objects.update(purchase_limit=None)

    give_back(buyer=BUYER, units={limited.id: 3, other.id: 1})

    assert read_stock(limited, other) == [5, 6]
    assert read_tallies() == {(limited.id, BUYER): 0, (other.id, BUYER): 3}


@pytest.mark.django_db
@pytest.mark.parametrize("buyer", [BUYER, "user:u2"])
def test_no_more_can_be_given_back_than_was_taken(buyer: str) -> None:
    first, second = SkuFactory.create(), SkuFactory.create()
    take_units(buyer=BUYER, units={first.id: 2, second.id: 2})

    with pytest.raises(ValueError, match="cannot give back"):
        give_back(buyer=buyer, units={first.id: 2, second.id: 3})

    assert read_stock(first, second) == [98, 98]
    assert read_tallies() == {(first.id, BUYER): 2, (second.id, BUYER): 2}


@pytest.mark.django_db
@pytest.mark.parametrize("action", [take_units, give_back])
@pytest.mark.parametrize("units", [{}, {"a": 0}, {"a": 1, "b": -1}])
def test_units_must_be_positive(action: object, units: Mapping[str, int]) -> None:
    assert callable(action)
    with pytest.raises(ValueError, match="at least 1"):
        action(buyer=BUYER, units=units)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", [take_units, give_back])
def test_a_transaction_is_required(action: object) -> None:
    assert callable(action)
    sku = SkuFactory.create()

    with pytest.raises(transaction.TransactionManagementError):
        action(buyer=BUYER, units={sku.id: 1})

    assert read_stock(sku) == [100]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 5, 50])
def test_queries_are_constant(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    skus = SkuFactory.create_batch(count, product=ProductFactory.create())
    units = {sku.id: 2 for sku in skus}

    with django_assert_num_queries(4):
        take_units(buyer=BUYER, units=units)
    with django_assert_num_queries(4):
        give_back(buyer=BUYER, units=units)

    assert set(read_stock(*skus)) == {100}


@pytest.mark.django_db
def test_selling_leaves_no_revision() -> None:
    sku = SkuFactory.create()

    take_units(buyer=BUYER, units={sku.id: 1})

    assert SkuRevision.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"stock": -1}, "sku_stock_not_negative"),
        ({"price": -1}, "sku_price_not_negative"),
        ({"original_price": -1}, "sku_original_price_not_negative"),
        ({"purchase_limit": 0}, "sku_purchase_limit_positive"),
        ({"attributes": ["白"]}, "sku_attributes_are_an_object"),
    ],
)
def test_the_database_itself_refuses_nonsense(change: dict[str, object], constraint: str) -> None:
    SkuFactory.create()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Sku.objects.update(**change)


@pytest.mark.django_db
def test_the_database_itself_refuses_negative_tallies() -> None:
    take_units(buyer=BUYER, units={SkuFactory.create().id: 1})

    with pytest.raises(IntegrityError, match="tally_units_not_negative"), transaction.atomic():
        PurchaseTally.objects.update(units=-1)


# Races, each with its twin that has the guard off.


def buy(buyer: str, units: Mapping[str, int]) -> bool:
    """Take in a transaction of its own; whether there was enough."""
    try:
        with transaction.atomic():
            take_units(buyer=buyer, units=units)
    except (StockTooLow, AllowanceTooLow):
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_fifty_buyers_of_ten_units_get_ten() -> None:
    sku = SkuFactory.create(stock=10)

    outcomes = run_together(lambda n: buy(f"user:{n}", {sku.id: 1}), range(50))

    assert Counter(outcomes) == {True: 10, False: 40}
    assert read_stock(sku) == [0]
    assert sum(read_tallies().values()) == 10


@pytest.fixture
def _without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the locks away, and have 16 buyers read before any of them takes."""
    all_have_read = Barrier(16)
    replace_step(monkeypatch, LOCK_SKUS, lambda sku_ids: None)
    act_after(monkeypatch, READ_STOCK, lambda: all_have_read.wait(PATIENCE_SECONDS))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_without_locks")
def test_without_the_lock_only_the_constraint_refuses_what_there_is_not() -> None:
    sku = SkuFactory.create(stock=10)

    outcomes = run_together(lambda n: buy(f"user:{n}", {sku.id: 1}), range(16))

    assert Counter(map(type, outcomes)) == {bool: 10, IntegrityError: 6}
    assert outcomes.count(True) == 10


@pytest.mark.django_db(transaction=True)
def test_a_buyer_cannot_get_past_the_limit_by_buying_in_parallel() -> None:
    sku = SkuFactory.create(stock=100, purchase_limit=3)

    outcomes = run_together(lambda _: buy(BUYER, {sku.id: 1}), range(32))

    assert Counter(outcomes) == {True: 3, False: 29}
    assert read_tallies() == {(sku.id, BUYER): 3}
    assert read_stock(sku) == [97]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_without_locks")
def test_without_the_lock_a_buyer_gets_past_the_limit() -> None:
    sku = SkuFactory.create(stock=100, purchase_limit=3)
    PurchaseTally.objects.create(sku=sku, buyer=BUYER, units=2)

    outcomes = run_together(lambda _: buy(BUYER, {sku.id: 1}), range(16))

    assert Counter(outcomes) == {True: 16}
    assert read_tallies() == {(sku.id, BUYER): 18}


@pytest.mark.django_db(transaction=True)
def test_buying_and_returning_many_skus_in_any_order_loses_no_unit_and_never_deadlocks() -> None:
    skus = SkuFactory.create_batch(5, stock=40)

    def buy_some(seed: int) -> Counter[str]:
        dice = random.Random(seed)
        units = {sku.id: dice.randint(1, 2) for sku in dice.sample(skus, 4)}
        if not buy(f"user:{seed % 3}", units):
            return Counter()
        if seed % 4:
            return Counter(units)
        with transaction.atomic():
            give_back(buyer=f"user:{seed % 3}", units=units)
        return Counter()

    outcomes = run_together(buy_some, range(200))

    assert [error for error in outcomes if isinstance(error, Exception)] == []
    sold = sum((each for each in outcomes if isinstance(each, Counter)), Counter[str]())
    assert [stock + sold[sku.id] for sku, stock in zip(skus, read_stock(*skus), strict=True)] == [
        40
    ] * 5
    assert sum(read_tallies().values()) == sold.total()


@pytest.mark.django_db(transaction=True)
def test_locked_in_opposite_orders_two_buyers_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (sku.id for sku in SkuFactory.create_batch(2, stock=5))
    both_hold_one = Barrier(2)

    def lock_as_given(sku_ids: Collection[str]) -> None:
        one, other = sku_ids
        Sku.objects.select_for_update().get(pk=one)
        both_hold_one.wait(PATIENCE_SECONDS)
        Sku.objects.select_for_update().get(pk=other)

    def return_units(sku_ids: tuple[str, str]) -> None:
        with transaction.atomic():
            give_back(buyer=BUYER, units=dict.fromkeys(sku_ids, 1))

    assert buy(BUYER, {first: 2, second: 2})
    replace_step(monkeypatch, LOCK_SKUS, lock_as_given)

    outcomes = run_together(return_units, [(first, second), (second, first)], threads=2)

    (deadlock,) = [each for each in outcomes if each is not None]
    assert isinstance(deadlock, OperationalError)
    assert "deadlock" in str(deadlock)
