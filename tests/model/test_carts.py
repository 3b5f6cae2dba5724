"""Whatever shoppers do and whatever goes wrong, the shop is as the books say.

A run takes about half a minute, and is the same every time. With MODEL_EXAMPLES in the environment
there are as many runs of the machine as it says, and other ones every time.
"""

import os
import secrets
from collections.abc import Iterator

import hypothesis
import pytest
from django.test import override_settings
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from tests.model.machine import Machine
from tests.model.rules import CartMachine, Merging, Ordering, Saving
from tests.model.stage import Stage
from tests.steps import (
    MAKE_MERGE_TOKEN,
    MAKE_SETTLEMENT_TOKEN,
    Step,
    replace_step,
    write_over_newer_copies,
)

IS_LONG = "MODEL_EXAMPLES" in os.environ

pytestmark = [
    pytest.mark.django_db(transaction=True),
    *([pytest.mark.timeout(0)] if IS_LONG else []),
]

PROFILE = hypothesis.settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "40")),
    stateful_step_count=50,
    deadline=None,
    derandomize=not IS_LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    # What is found is told as it comes; making it shorter would take minutes.
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
SEARCH = hypothesis.settings(PROFILE, max_examples=100, derandomize=True)


@pytest.fixture
def stage(redis_server: Redis) -> Iterator[Stage]:
    limits = ("CART_WRITES", "CART_WRITES_PER_ADDRESS", "MERGE", "ORDERS", "ORDERS_PER_ADDRESS")
    waiting = ("", "_UNITS", "_PER_ADDRESS", "_UNITS_PER_ADDRESS")
    off = {f"RATE_LIMIT_{limit}": 0 for limit in limits}
    off |= {f"ORDER_MAX_PENDING{limit}": 0 for limit in waiting}
    with override_settings(**off):
        yield Stage.set_up(redis_server)


def play(machine: type[Machine], stage: Stage, profile: hypothesis.settings) -> None:
    class OnStage(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(stage)

    run_state_machine_as_test(OnStage, settings=profile)


def test_the_shop_is_as_the_books_say(stage: Stage) -> None:
    play(CartMachine, stage, PROFILE)


def find_fault(machine: type[Machine], stage: Stage) -> None:
    """Let a machine look for a fault, which must be there."""
    with pytest.raises(AssertionError):
        play(machine, stage, SEARCH)


def test_the_machine_finds_an_older_copy_written_over_a_newer_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_over_newer_copies(monkeypatch)

    find_fault(Saving, stage)


@pytest.mark.parametrize(
    ("machine", "mark"),
    [(Merging, MAKE_MERGE_TOKEN), (Ordering, MAKE_SETTLEMENT_TOKEN)],
    ids=str,
)
def test_the_machine_finds_units_that_are_moved_twice(
    machine: type[Machine], mark: Step, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a mark that stays the same, what a stop has interrupted is done again."""
    replace_step(monkeypatch, mark, lambda *_: secrets.token_hex(6))

    find_fault(machine, stage)
