"""Writing the copies of a batch of carts, all in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from django.conf import settings

from carts.domain import rules
from carts.domain.cart import Cart, CartOwner
from carts.live.codec import LiveCart
from carts.permanent import rows
from carts.permanent.columns import CartRow, LineRow
from carts.permanent.mapping import SaveTerms, to_cart_row, to_line_rows
from carts.permanent.rows import CopyVersion
from config.stores.database import in_transaction
from products.catalogue import read_offers

Verdict = Literal["older", "same", "drift"]

_MAX_PRICES = 50_000


@dataclass(frozen=True, slots=True)
class NewCopy:
    """A hash that was read, and the rows that are to be its copy."""

    live: LiveCart
    cart: CartRow
    lines: list[LineRow]

    @property
    def owner(self) -> CartOwner:
        return self.live.cart.owner


@dataclass(slots=True)
class WriteResult:
    """What became of a batch: the carts as they are saved now, and how many of them were written.

    `drifted` are not written because their copies are newer or of another history, `left_out`
    because another save was first or their users are gone, `refused` because the database does
    not take them.
    """

    saved: dict[CartOwner, Cart] = field(default_factory=dict)
    count: int = 0
    drifted: list[CartOwner] = field(default_factory=list)
    left_out: list[CartOwner] = field(default_factory=list)
    refused: list[CartOwner] = field(default_factory=list)

    def include(self, other: "WriteResult") -> None:
        """Take over what became of another batch."""
        self.saved |= other.saved
        self.count += other.count
        self.drifted += other.drifted
        self.left_out += other.left_out
        self.refused += other.refused


class PriceList:
    """What SKUs cost, each as of when it was first asked for; one query for all new ones."""

    def __init__(self) -> None:
        self._cents: dict[str, int | None] = {}

    def read_terms(self, carts: Sequence[LiveCart]) -> SaveTerms:
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
        return SaveTerms(self._cents, settings.CART_CURRENCY, ttl)


def make_copy(live: LiveCart, terms: SaveTerms) -> NewCopy:
    """Return the copy of a hash; raises UnsavableCart."""
    return NewCopy(live, to_cart_row(live.cart, terms), to_line_rows(live.cart, terms))


def judge(live: LiveCart, copies: Sequence[CopyVersion]) -> Verdict:
    """Tell how the copies of an owner's carts stand to the hash that was read.

    They are "older" and may be written over, or the "same" state. "drift" is a copy that is newer
    than the hash, or of another history.
    """
    cart = live.cart
    known = [copy.version for copy in copies if copy.id == cart.id or not copy.has_expired]
    if not known:
        return "older"
    newest = max(known)
    if newest == cart.version:
        return "same"
    if newest > cart.version or not live.descends_from(newest):
        return "drift"
    return "older"


@in_transaction
def write_copies(copies: Sequence[NewCopy]) -> WriteResult:
    """Write carts over their older copies, in one transaction.

    The number of queries does not depend on that of the carts. Raises IntegrityError and DataError
    for carts that the database refuses, OperationalError; then nothing is written.
    """
    rows.plan_anew()
    known = rows.lock_carts([copy.live.cart for copy in copies])
    result, due = WriteResult(), []
    for copy in copies:
        match judge(copy.live, known.get(copy.owner, ())):
            case "older":
                due.append(copy)
            case "same":
                result.saved[copy.owner] = copy.live.cart
            case "drift":
                result.drifted.append(copy.owner)
    if due:
        _write_due(due, known, result)
    return result


def _write_due(
    due: Sequence[NewCopy], known: Mapping[CartOwner, list[CopyVersion]], result: WriteResult
) -> None:
    versions = {row.id: copy.cart.version for copy in due for row in known.get(copy.owner, ())}
    new = [copy.cart for copy in due if copy.cart.id not in versions]
    changed = [copy.cart for copy in due if copy.cart.id in versions]
    ended = versions.keys() - {cart.id for cart in changed}
    if ended:
        rows.end_carts({cart_id: versions[cart_id] for cart_id in ended})
    inserted = rows.insert_carts(new) if new else set()
    updated = rows.update_carts(changed) if changed else set()
    written = inserted | updated
    lines = [line for copy in due if copy.cart.id in written for line in copy.lines]
    if updated:
        rows.replace_lines(written, lines)
    elif inserted:
        rows.write_lines(lines)
    result.count = len(written)
    for copy in due:
        if copy.cart.id in written:
            result.saved[copy.owner] = copy.live.cart
        else:
            result.left_out.append(copy.owner)
