"""What a living cart becomes when it turns out to be older than its permanent copy."""

from collections.abc import Sequence
from dataclasses import replace

from carts.domain.cart import Cart, Line


def unite_carts(*, living: Cart, copy: Cart) -> Cart:
    """Return the cart that keeps what both know: a pure function.

    The living cart came from an older file, and may have changed since. The copy also has changes
    made after that file. So the copy decides every line that the living cart has not changed later
    than the copy: a line that the copy lacks was removed, bought or handed over. A line that the
    living cart changed later stays as it is there. A line that the living cart removed later comes
    back, because nothing tells it from a line that was lost.

    Identity, version and times are the copy's; the caller raises the version above both. The
    status is ACTIVE if any line is left, else the copy's. The handover is the living cart's, else
    the copy's.
    """
    later = {line.sku_id: line for line in living.lines if line.updated_ms > copy.updated_ms}
    kept = [later.pop(line.sku_id, line) for line in copy.lines]
    return replace(
        copy,
        lines=(*kept, *later.values()),
        status="ACTIVE" if kept or later else copy.status,
        handover=living.handover or copy.handover,
        merged=_join_marks(copy.merged, living.merged),
        settled=_join_marks(copy.settled, living.settled),
    )


def leave_out_lines(cart: Cart, lines: Sequence[Line]) -> Cart:
    """Return the cart without the units of these lines; units beyond them stay."""
    gone = {line.sku_id: line.quantity for line in lines}
    left = (line._replace(quantity=line.quantity - gone.get(line.sku_id, 0)) for line in cart.lines)
    return replace(cart, lines=tuple(line for line in left if line.quantity > 0))


def _join_marks(first: tuple[str, ...], then: tuple[str, ...]) -> tuple[str, ...]:
    return (*first, *(mark for mark in then if mark not in first))
