"""Between a Cart and the rows of its permanent copy: the one converter, both ways.

Times are milliseconds and money is cents, in rows as in the cart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from carts.domain.cart import Cart, CartOwner, Line, is_id
from carts.live.codec import decode_handover, encode_handover, split_marks
from carts.permanent.columns import CartRow, LineRow

# The last millisecond that both Python and the database can tell.
_MAX_MS = 253_402_300_799_999
_MAX_VERSION = 2**63 - 1
_MS = timedelta(milliseconds=1)
_CART_ID = re.compile(r"[A-Za-z0-9-]{1,24}", re.ASCII)
# Of the owner's id, the marks and the handover, one after the other.
_TEXTS = re.compile(r"[A-Za-z0-9_,:-]{1,1000}", re.ASCII)


class UnsavableCart(ValueError):
    """The cart holds what no row can: an id, a time or a number out of all bounds."""


@dataclass(frozen=True, slots=True)
class SaveTerms:
    """What every cart of a batch is saved with; `prices` are cents by SKU.

    A price is None for what cannot be bought; a SKU that is not in the catalogue may lack it.
    """

    prices: Mapping[str, int | None]
    currency: str
    ttl: timedelta


def to_cart_row(cart: Cart, terms: SaveTerms) -> CartRow:
    """Return the row of a cart; raises UnsavableCart."""
    owner, handover = cart.owner, cart.handover
    merged, settled = ",".join(cart.merged), ",".join(cart.settled)
    destination = encode_handover(handover) if handover is not None else ""
    texts = f"{owner.id}{merged}{settled}{destination}"
    if not _CART_ID.fullmatch(cart.id) or not _TEXTS.fullmatch(texts) or len(owner.id) > 128:
        raise UnsavableCart("a text no cart has")
    if not 0 < cart.version <= _MAX_VERSION:
        raise UnsavableCart("a version out of bounds")
    expires_ms = cart.updated_ms + terms.ttl // _MS
    if cart.created_ms < 0 or cart.created_ms > _MAX_MS or expires_ms > _MAX_MS:
        raise UnsavableCart("a time out of bounds")
    total_cents = item_count = 0
    for line in cart.lines:
        price = terms.prices.get(line.sku_id)
        if line.selected and price is not None:
            total_cents += line.quantity * price
            item_count += line.quantity
    return CartRow(
        id=cart.id,
        user_id=None if owner.is_guest else owner.id,
        session_id=owner.id if owner.is_guest else None,
        status=cart.status,
        currency=terms.currency,
        total_amount=total_cents,
        item_count=item_count,
        version=cart.version,
        merged=merged,
        settled=settled,
        handover=destination,
        created_at=cart.created_ms,
        updated_at=cart.updated_ms,
        expires_at=expires_ms,
    )


def to_line_rows(cart: Cart, terms: SaveTerms) -> list[LineRow]:
    """Return the rows of a cart's lines; raises UnsavableCart."""
    for line in cart.lines:
        if terms.prices.get(line.sku_id) is None and not is_id(line.sku_id):
            raise UnsavableCart("a SKU no cart has")
        if line.quantity < 1 or line.added_ms > _MAX_MS or line.updated_ms > _MAX_MS:
            raise UnsavableCart("a number out of bounds")
    return [LineRow(cart.id, *line) for line in cart.lines]


def from_rows(row: CartRow, lines: Sequence[Sequence[Any]]) -> Cart:
    """Return the cart that was saved as these rows; `lines` are LineRows, in any order."""
    kept = [Line(*line[1:]) for line in lines]
    kept.sort(key=lambda line: (line.added_ms, line.sku_id))
    return Cart(
        id=row.id,
        owner=owner_of(row.user_id, row.session_id),
        version=row.version,
        created_ms=row.created_at,
        updated_ms=row.updated_at,
        lines=tuple(kept),
        status=row.status,
        handover=decode_handover(row.handover) if row.handover else None,
        merged=split_marks(row.merged),
        settled=split_marks(row.settled),
    )


def owner_of(user_id: str | None, session_id: str | None) -> CartOwner:
    """Return the owner that a row names by one of its two columns."""
    if user_id is not None:
        return CartOwner.for_user(user_id)
    return CartOwner.for_guest(session_id or "")
