"""States of carts as plain values, and what becomes of them.

Every state has a number, given in the order in which states come about: it stands for the version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Strategy = Literal["sum", "guest_wins", "user_wins", "max"]


@dataclass(frozen=True)
class Line:
    """Units of one SKU in a cart; `added` and `changed` are numbers of states."""

    quantity: int
    selected: bool
    added: int
    changed: int


@dataclass(frozen=True)
class State:
    """One state of a cart. `cart` counts the carts of its owner, `changed` tells its last change.

    `handover` is the strategy of the merge that is under way. `merged` are the numbers of guests'
    carts that were taken in, `withdrawn` of those that may not be, `settled` the orders whose units
    have left.
    """

    cart: int
    number: int
    changed: int
    lines: Mapping[str, Line] = field(default_factory=dict)
    is_ended: bool = False
    handover: Strategy | None = None
    merged: frozenset[int] = frozenset()
    withdrawn: frozenset[int] = frozenset()
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Purchase:
    """What an order bought of which cart."""

    buyer: str
    cart: int
    units: Mapping[str, int]


@dataclass
class Book:
    """All there is to know of one owner's cart.

    `history` are the saved states that the living cart has come from. `read` is what a slow saver
    has read and not written yet, with the history of then. `is_idle` says that the saved state is
    past its expiry, `is_over` that it was a guest's, and the sweep has ended it, `is_resting` that
    the sweep has seen to it. `merged` are the guests' carts that any saved state has taken in.
    """

    is_guest: bool
    living: State | None = None
    history: set[int] = field(default_factory=set)
    saved: State | None = None
    read: State | None = None
    read_history: frozenset[int] = frozenset()
    is_idle: bool = False
    is_over: bool = False
    is_resting: bool = False
    merged: frozenset[int] = frozenset()
    unsettled: dict[str, Purchase] = field(default_factory=dict)

    @property
    def is_unsaved(self) -> bool:
        return self.living is not None and self.living != self.saved

    @property
    def shown(self) -> dict[str, Line]:
        """The lines that the owner sees of a living cart, in order."""
        if self.living is None or self.living.handover is not None:
            return {}
        return dict(sorted(self.living.lines.items(), key=lambda pair: pair[1].added))

    @property
    def kept(self) -> Mapping[str, Line]:
        """The lines of the saved state, unless that has ended."""
        has_ended = self.saved is None or self.saved.is_ended or self.is_over
        return {} if self.saved is None or has_ended else self.saved.lines


def take_units(state: State, order: str, units: Mapping[str, int]) -> State:
    """Return the state without what an order bought of it."""
    if order in state.settled:
        return state
    left = {
        sku: replace(line, quantity=line.quantity - units.get(sku, 0))
        for sku, line in state.lines.items()
        if line.quantity > units.get(sku, 0)
    }
    return replace(
        state,
        lines=left,
        settled=state.settled | {order},
        is_ended=state.is_ended or (bool(state.lines) and not left),
    )


def leave_out_bought(book: Book, state: State) -> State:
    """Return the state without what orders bought of it and has not left it yet."""
    for order, purchase in book.unsettled.items():
        if purchase.cart == state.cart:
            state = take_units(state, order, purchase.units)
    return state


def leave_out_lines(state: State, gone: Mapping[str, Line]) -> State:
    """Return the state without the units of these lines."""
    left = {
        sku: replace(line, quantity=line.quantity - (gone[sku].quantity if sku in gone else 0))
        for sku, line in state.lines.items()
    }
    return replace(state, lines={sku: line for sku, line in left.items() if line.quantity > 0})


def unite(living: State, copy: State, found: State, number: int) -> State:
    """Return what becomes of a cart whose copy is of another history.

    The copy is right about all that the living cart has not changed since. `found` is that cart
    as it lies in its hash; lines that are the same there are not changed.
    """
    later = {sku: line for sku, line in living.lines.items() if line.changed > copy.changed}
    kept = {**copy.lines, **later}
    return replace(
        copy,
        number=number,
        changed=number,
        lines={
            sku: line if found.lines.get(sku) == line else replace(line, changed=number)
            for sku, line in kept.items()
        },
        is_ended=copy.is_ended and not kept,
        handover=living.handover or copy.handover,
        merged=copy.merged | living.merged,
        withdrawn=copy.withdrawn | living.withdrawn,
        settled=copy.settled | living.settled,
    )


def merge_line(strategy: Strategy | None, own: Line | None, theirs: Line) -> Line:
    """Return what a line of both carts is to be, before anything keeps it from being so."""
    if own is None or strategy == "guest_wins":
        return theirs
    if strategy == "user_wins":
        return own
    units = (own.quantity, theirs.quantity)
    return replace(
        own,
        quantity=max(units) if strategy == "max" else sum(units),
        selected=own.selected or theirs.selected,
    )
