"""What a living cart becomes when it turns out to be older than its permanent copy."""

from collections.abc import Sequence
from dataclasses import replace

from carts.domain.cart import Cart, Line


def unite_carts(*, living: Cart, copy: Cart) -> Cart:
    """Return the cart that keeps what both know: a pure function.

    The living cart came from an older file, and may have been changed since; the copy had gone on
    from that file as well. So the copy is right about every line that the living cart has not
    changed since: there, that it had gone from the copy means that it was removed, bought or
    handed over. Lines the living cart changed later are kept as they are there. A line the living
    cart removed later comes back: nothing tells it from one that was lost.

    Identity and status are the copy's, unless later lines keep the cart alive; being merged is
    either's, and the living cart's first. Version and times are the copy's as well; the caller
    raises the version above both.
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
