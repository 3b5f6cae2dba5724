"""The product's steps that tests replace, and those before or after which they act.

Each is named here alone, so code that moves changes one line of the tests. A step that a single
test replaces may stand in that test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from accounts import tokens
from carts.live import bulk, care, codec, store
from carts.live.records import LiveRecords
from carts.log import kafka, stream
from carts.log import rows as log_rows
from carts.operations import merging, settling
from carts.permanent import rows, saving, writing
from config.http import idempotency
from config.stores import database
from orders import checkout, claiming, selling, settlement
from products import intake, stock


@dataclass(frozen=True, slots=True)
class Step:
    """A function, found by those who call it in `home`: a module or a class."""

    home: Any
    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def function(self) -> Callable[..., Any]:
        """What is called there now."""
        function: Callable[..., Any] = getattr(self.home, self.name)
        return function


ADD_UNITS = Step(store, "add_units")
SET_LINES = Step(store, "set_lines")
TAKE_LINES = Step(store, "take_lines")
UNITE = Step(store, "unite")
BEGIN_MERGE = Step(store, "begin_merge")
APPLY_MERGE = Step(store, "apply_merge")
FINISH_MERGE = Step(store, "finish_merge")
LOOK_AT_HASH = Step(care, "look_at")
KEEP_DETAILS = Step(LiveRecords, "keep_details")

READ_TO_SAVE = Step(bulk, "read_to_save")
WRITE_COPIES = Step(saving, "write_copies")
FIND_CARTS = Step(rows, "find_carts")
LOCK_CARTS = Step(rows, "lock_carts")
INSERT_CARTS = Step(rows, "insert_carts")
WRITE_LINES = Step(rows, "write_lines")
CONFIRM_SAVE = Step(bulk, "confirm")
RETIRE = Step(bulk, "retire")

SAVE_FOR_MERGE = Step(merging, "save_cart")
MAKE_MERGE_TOKEN = Step(merging, "merge_token")
READ_TO_SETTLE = Step(settling, "read_cart")
SAVE_SETTLED = Step(settling, "save_cart")
MAKE_SETTLEMENT_TOKEN = Step(settling, "settlement_token")

READ_CHANGES = Step(stream, "read_changes")
DROP_CHANGES = Step(stream, "drop_changes")
INSERT_CHANGES = Step(log_rows, "_insert")
SEND_TO_KAFKA = Step(kafka, "_send")

SELL = Step(checkout, "sell")
SETTLE = Step(checkout, "settle")
SETTLE_ORDER = Step(settlement, "settle_order")
HOLD_COPY = Step(selling, "hold_copy")
HOLD_OFFERS = Step(selling, "hold_offers")
HOLD_PENDING = Step(selling, "hold_pending")
TAKE_STOCK = Step(selling, "take")
COUNT_CLAIMED_UNITS = Step(claiming, "_count_units")

LOCK_SKUS = Step(stock, "_lock_skus")
READ_STOCK = Step(stock, "read_offers")
ADD_TO_STOCK = Step(stock, "_add_to_stock")
FIND_MERCHANT = Step(intake, "_find_merchant")

READ_REFRESH_TOKEN = Step(tokens, "_read")
LOCK_FAMILY = Step(tokens, "_lock_family")


def replace_step(
    monkeypatch: pytest.MonkeyPatch, step: Step, substitute: Callable[..., Any]
) -> None:
    """Have the substitute called in the place of the step."""
    monkeypatch.setattr(step.home, step.name, substitute)


def act_before(monkeypatch: pytest.MonkeyPatch, step: Step, act: Callable[[], object]) -> None:
    """Have something done before every call of the step; what it raises ends the call."""
    function = step.function

    def act_and_call(*args: Any, **options: Any) -> Any:
        act()
        return function(*args, **options)

    replace_step(monkeypatch, step, act_and_call)


def act_before_next(monkeypatch: pytest.MonkeyPatch, step: Step, act: Callable[[], object]) -> None:
    """Have something done before the next call of the step alone, and not before its own calls."""
    function = step.function

    def act_once() -> None:
        replace_step(monkeypatch, step, function)
        act()

    act_before(monkeypatch, step, act_once)


def act_after(monkeypatch: pytest.MonkeyPatch, step: Step, act: Callable[[], object]) -> None:
    """Have something done after every call of the step, before its caller goes on."""
    function = step.function

    def call_and_act(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        act()
        return result

    replace_step(monkeypatch, step, call_and_act)


def act_after_next(monkeypatch: pytest.MonkeyPatch, step: Step, act: Callable[[], object]) -> None:
    """Have something done after the next call of the step alone, before its caller goes on."""
    function = step.function

    def act_once() -> None:
        replace_step(monkeypatch, step, function)
        act()

    act_after(monkeypatch, step, act_once)


def leave_unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Place orders as where the process dies right after each: their units stay in the cart."""
    replace_step(monkeypatch, SETTLE, lambda *_, **__: None)


def forget_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every hash for a descendant of what was saved."""
    monkeypatch.setattr(codec.LiveCart, "descends_from", lambda *_: True)


def write_over_newer_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write whatever was read over whatever is there."""
    guard = " AND cart.version < new.version"
    assert guard in rows._UPDATE_CARTS
    monkeypatch.setattr(rows, "_UPDATE_CARTS", rows._UPDATE_CARTS.replace(guard, ""))
    monkeypatch.setattr(writing, "judge", lambda *_: "older")


def begin_at_most(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let a transaction begin so often where PostgreSQL ends it for the sake of another."""
    monkeypatch.setattr(database, "_MAX_BEGINNINGS", times)


def wait_for_answers(monkeypatch: pytest.MonkeyPatch, milliseconds: int) -> None:
    """Take a request with an Idempotency-Key for dead after so long without an answer."""
    monkeypatch.setattr(idempotency, "_ANSWER_WITHIN_MS", milliseconds)
