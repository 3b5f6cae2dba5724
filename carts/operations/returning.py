"""Lines of a cancelled order go back into the cart, exactly once; what stays out is named.

What goes back is planned for one version of the cart. The script writes it for that version alone,
together with a record of the plan. So a repeat after a crash finds what was put back, and puts
nothing back a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import timedelta

import orjson
from django.conf import settings

from carts.attempts import Overtaken, attempt_until_done
from carts.domain.cart import Cart, CartOwner
from carts.domain.merging import MergeLimits
from carts.domain.returning import OrderedLine, ReturnedLine, plan_return
from carts.live import store
from carts.live.store import ChangeContext, UnitsToAdd
from carts.operations.merging import require_unmerged
from carts.operations.reading import read_cart
from config.http.idempotency import CallRepeatedError, KeyedCall
from products.catalogue import read_offers
from products.offers import Offer


def return_lines(
    *, order_id: str, owner: CartOwner, lines: Sequence[OrderedLine], context: ChangeContext
) -> tuple[ReturnedLine, ...]:
    """Put the lines of an order back into the owner's cart, once; return what of each went back.

    A line that is in the cart keeps its selection; a new one is selected as it was in the order.
    What cannot be bought now comes back as an unavailable line. Raises AccessEnded,
    CartStoreUnavailable (CartContended among it), OperationalError; then it is unknown whether the
    lines are back, and a repeat tells.
    """

    def attempt() -> tuple[ReturnedLine, ...]:
        cart = read_cart(owner, call=_describe(order_id, ()))
        require_unmerged(cart, context)
        offers = read_offers(
            sku_ids={*cart.sku_ids, *(line.sku_id for line in lines)}, buyer=owner.key
        )
        limits = MergeLimits(settings.CART_MAX_LINES, settings.CART_MAX_UNITS_PER_LINE)
        plan = plan_return(cart=cart, lines=lines, offers=offers, limits=limits)
        entries = _list_units(cart, lines, plan, offers)
        pinned = context.pinned_to(cart.version, _describe(order_id, plan))
        if entries and store.add_units(cart, pinned, entries).status != "done":
            raise Overtaken("the cart has changed since what goes back was planned")
        return plan

    try:
        return attempt_until_done(attempt)
    except CallRepeatedError as repeated:
        return _read_plan(repeated.record.fingerprint)


def find_returned(*, order_id: str, owner: CartOwner) -> tuple[ReturnedLine, ...] | None:
    """Return which units of an order went back into this owner's cart; None if none were put back.

    Raises CartStoreUnavailable.
    """
    try:
        store.open_cart(owner, call=_describe(order_id, ()))
    except CallRepeatedError as repeated:
        return _read_plan(repeated.record.fingerprint)
    return None


def _describe(order_id: str, plan: Sequence[ReturnedLine]) -> KeyedCall:
    """Return the call whose record tells what was put back."""
    return KeyedCall(
        id=f"return:{order_id}",
        fingerprint=orjson.dumps([astuple(line) for line in plan]).decode(),
        ttl_ms=timedelta(hours=settings.IDEMPOTENCY_HOURS) // timedelta(milliseconds=1),
    )


def _read_plan(fingerprint: str) -> tuple[ReturnedLine, ...]:
    return tuple(ReturnedLine(*line) for line in orjson.loads(fingerprint))


def _list_units(
    cart: Cart,
    lines: Sequence[OrderedLine],
    plan: Sequence[ReturnedLine],
    offers: Mapping[str, Offer],
) -> list[UnitsToAdd]:
    present = set(cart.sku_ids)
    return [
        UnitsToAdd(
            sku_id=line.sku_id,
            units=returned.quantity,
            highest=settings.CART_MAX_UNITS_PER_LINE,
            selected=None if line.sku_id in present else line.selected,
            revision=offers[line.sku_id].revision,
        )
        for line, returned in zip(lines, plan, strict=True)
        if returned.quantity > 0
    ]
