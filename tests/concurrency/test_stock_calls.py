"""Stocks changed by two programs at once: what each adds counts, and the records tell it all."""

from threading import Barrier
from typing import Any

import pytest
from django.db import transaction

from config.stores.database import lock_rows
from products.api import bulk_views
from products.models import Sku, StockChange
from products.models.goods import SkuQuerySet
from tests.accounts.programs import Program, new_program
from tests.factories import SkuFactory
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import ADD_TO_STOCK, act_before

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = 15
SKUS = 20
STOCK = 1_000


def add_units(program: Program, units: int) -> None:
    """Add units to all SKUs in one call, in an order of the program's own."""
    codes = sorted((f"C-{number}" for number in range(SKUS)), reverse=units < 0)
    deltas = [{"code": code, "units": units} for code in codes]
    program.data("PUT", "/catalogue/stock", {"deltas": deltas, "reason": "delivery"})


def read_chain(sku: Sku) -> list[tuple[int, int]]:
    return list(StockChange.objects.filter(sku=sku).order_by("pk").values_list("before", "after"))


def is_chained(steps: list[tuple[int, int]]) -> bool:
    """Tell whether each step begins where the one before has ended."""
    return all(step[1] == following[0] for step, following in zip(steps, steps[1:], strict=False))


def test_deltas_of_two_programs_at_once_add_up() -> None:
    for number in range(SKUS):
        SkuFactory.create(code=f"C-{number}", stock=STOCK)
    programs = [(new_program(name="erp"), 3), (new_program(name="shop"), -2)] * CALLS

    outcomes = run_together(lambda each: add_units(*each), programs, threads=2)

    assert outcomes == [None] * (2 * CALLS)
    for sku in Sku.objects.all():
        assert sku.stock == STOCK + CALLS
        chain = read_chain(sku)
        assert (len(chain), chain[0][0], chain[-1][1]) == (2 * CALLS, STOCK, STOCK + CALLS)
        assert is_chained(chain)
    actors = list(StockChange.objects.values_list("actor", "reason"))
    assert actors.count(("key:erp", "delivery")) == actors.count(("key:shop", "delivery"))
    assert len(actors) == 2 * CALLS * SKUS


def test_without_the_locks_the_records_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: both read a stock before either has written it."""
    sku = SkuFactory.create(code="C-0", stock=STOCK)
    both_have_read = Barrier(2)
    monkeypatch.setattr(SkuQuerySet, "select_for_update", lambda self, **_: self)
    act_before(monkeypatch, ADD_TO_STOCK, lambda: both_have_read.wait(PATIENCE_SECONDS))

    def add(program: Program) -> None:
        body = {"deltas": [{"code": "C-0", "units": 3}]}
        program.data("PUT", "/catalogue/stock", body)

    outcomes = run_together(add, [new_program(), new_program()], threads=2)

    assert outcomes == [None, None]
    assert not is_chained(read_chain(sku))


def test_levels_of_two_programs_at_once_leave_the_later_one() -> None:
    sku = SkuFactory.create(code="C-0", stock=STOCK)
    programs = [(new_program(), level) for level in range(1, 13)]

    def set_level(each: tuple[Program, int]) -> None:
        program, level = each
        body = {"levels": [{"code": "C-0", "stock": level}], "reason": "count"}
        program.data("PUT", "/catalogue/stock", body)

    outcomes = run_together(set_level, programs, threads=4)

    assert outcomes == [None] * 12
    chain = read_chain(sku)
    sku.refresh_from_db()
    assert (chain[0][0], chain[-1][1], len(chain)) == (STOCK, sku.stock, 12)
    assert is_chained(chain)


def test_entries_that_others_hold_locked_fail_and_those_before_are_done(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DATABASE_LOCK_TIMEOUT_MS = 50
    monkeypatch.setattr(bulk_views, "_SKUS_AT_ONCE", 2)
    skus = [SkuFactory.create(code=f"C-{number}", stock=STOCK) for number in range(5)]
    deltas = [{"code": sku.code, "units": 1} for sku in skus]
    program = new_program()

    response: Any
    with transaction.atomic():
        lock_rows(Sku.objects.filter(code="C-3"))
        [response] = run_together(
            lambda body: program.call("PUT", "/catalogue/stock", body),
            [{"deltas": deltas}],
            threads=1,
        )

    envelope = response.json()
    assert (response.status_code, envelope["message"]) == (400, "Failed to write 2 entries")
    assert [each["success"] for each in envelope["data"]["results"]] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert envelope["data"]["results"][2]["message"] == "others are changing the same, try again"
    stocks = list(Sku.objects.order_by("code").values_list("stock", flat=True))
    assert stocks == [STOCK + 1, STOCK + 1, STOCK, STOCK, STOCK + 1]
