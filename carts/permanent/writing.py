"""Writing a batch of carts into the rows, all in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from django.conf import settings

from carts.domain import rules
from carts.domain.cart import Cart, CartOwner
from carts.live.codec import LiveCart
from carts.permanent import rows
from carts.permanent.mapping import CartRow, LineRow, Terms, to_cart_row, to_line_rows
from carts.permanent.rows import StoredCart
from config.stores.database import in_transaction
from products.catalogue import read_offers

Verdict = Literal["older", "same", "stray"]

_MAX_PRICES = 50_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A cart that was read, and the rows it is to become."""

    live: LiveCart
    cart: CartRow
    lines: list[LineRow]

    @property
    def owner(self) -> CartOwner:
        return self.live.cart.owner


@dataclass(slots=True)
class Written:
    """What became of a batch: the carts as they are saved now, how many of them just now, and who
    was left out: carts whose rows are newer or of another history, carts that could not be
    inserted, and carts the database refuses.
    """

    saved: dict[CartOwner, Cart] = field(default_factory=dict)
    count: int = 0
    strays: list[CartOwner] = field(default_factory=list)
    left_out: list[CartOwner] = field(default_factory=list)
    refused: list[CartOwner] = field(default_factory=list)

    def include(self, other: "Written") -> None:
        """Take over what became of another batch."""
        self.saved |= other.saved
        self.count += other.count
        self.strays += other.strays
        self.left_out += other.left_out
        self.refused += other.refused


class PriceList:
    """What SKUs cost when they were first asked for; one query for those not asked for before."""

    def __init__(self) -> None:
        self._cents: dict[str, int | None] = {}

    def read_terms(self, carts: Sequence[LiveCart]) -> Terms:
        """Return the terms to save these carts on."""
        sku_ids = {line.sku_id for live in carts for line in live.cart.lines}
        missing = sku_ids - self._cents.keys()
        if len(self._cents) + len(missing) > _MAX_PRICES:
            self._cents, missing = {}, sku_ids
        offers = read_offers(sku_ids=missing, buyer="") if missing else {}
        self._cents |= dict.fromkeys(missing)
        for offer in filter(rules.is_purchasable, offers.values()):
            self._cents[offer.sku_id] = offer.price_cents
        ttl = timedelta(days=settings.CART_TTL_DAYS)
        return Terms(self._cents, settings.CART_CURRENCY, ttl)


def draft_rows(live: LiveCart, terms: Terms) -> Draft:
    """Return the rows of a cart; raises UnsavableCart."""
    return Draft(live, to_cart_row(live.cart, terms), to_line_rows(live.cart, terms))


def judge(live: LiveCart, stored: Sequence[StoredCart]) -> Verdict:
    """Tell how the rows of an owner stand to the cart that was read.

    They are "older" and may be written over, or the "same" state; or "stray": newer than what was
    read, or of another history.
    """
    cart = live.cart
    known = [row.version for row in stored if row.id == cart.id or not row.has_expired]
    if not known:
        return "older"
    newest = max(known)
    if newest == cart.version:
        return "same"
    if newest > cart.version or not live.descends_from(newest):
        return "stray"
    return "older"


@in_transaction
def write_drafts(drafts: Sequence[Draft]) -> Written:
    """Write the carts whose rows are older, in one transaction.

    The number of queries does not depend on that of the carts. Raises IntegrityError and DataError
    for carts that the database refuses, OperationalError; then nothing is written.
    """
    rows.plan_anew()
    stored = rows.lock_carts([draft.live.cart for draft in drafts])
    written, due = _sort_drafts(drafts, stored)
    if due:
        _write_due(due, stored, written)
    return written


def _sort_drafts(
    drafts: Sequence[Draft], stored: Mapping[CartOwner, list[StoredCart]]
) -> tuple[Written, list[Draft]]:
    written, due = Written(), []
    for draft in drafts:
        match judge(draft.live, stored.get(draft.owner, ())):
            case "older":
                due.append(draft)
            case "same":
                written.saved[draft.owner] = draft.live.cart
            case "stray":
                written.strays.append(draft.owner)
    return written, due


def _write_due(
    due: Sequence[Draft], stored: Mapping[CartOwner, list[StoredCart]], written: Written
) -> None:
    others = {row.id: draft.cart.version for draft in due for row in stored.get(draft.owner, ())}
    replaced = [draft for draft in due if draft.cart.id in others]
    new = [draft for draft in due if draft.cart.id not in others]
    ended = {id_: others[id_] for id_ in others.keys() - {draft.cart.id for draft in replaced}}
    if ended:
        rows.end_carts(ended)
    inserted = rows.insert_carts([draft.cart for draft in new]) if new else set()
    updated = rows.update_carts([draft.cart for draft in replaced]) if replaced else set()
    written_ids = inserted | updated
    lines = [line for draft in due if draft.cart.id in written_ids for line in draft.lines]
    if updated:
        rows.replace_lines(written_ids, lines)
    elif inserted:
        rows.write_lines(lines)
    for draft in due:
        if draft.cart.id in written_ids:
            written.saved[draft.owner] = draft.live.cart
            written.count += 1
        else:
            written.left_out.append(draft.owner)
