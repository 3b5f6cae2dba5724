"""Everything that is known of one cart in both places, and of all carts together."""

from dataclasses import dataclass
from datetime import datetime

from carts.domain.cart import Cart, CartOwner
from carts.live import care
from carts.live.care import HashState
from carts.live.keys import shard_prefix
from carts.models import Cart as CartModel
from carts.models import PendingSettlement
from carts.permanent import rows
from carts.permanent.copies import Copy, read_carts, read_copy
from carts.permanent.verifying import Drift, verify_carts


@dataclass(frozen=True, slots=True)
class CopyState:
    """An owner's copy, and when it was saved, expires and was put to rest."""

    copy: Copy
    saved_at: datetime
    expires_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """A cart's hash and copy, None where there is none, and the drift between them.

    `pending_orders` are orders whose units may still be in one of the two.
    """

    living: HashState | None
    copy: CopyState | None
    drift: Drift | None
    pending_orders: tuple[str, ...]

    @property
    def living_cart(self) -> Cart | None:
        """The living cart, None without a hash that can be read."""
        state = self.living
        return state.found.cart if state is not None and state.found is not None else None

    @property
    def copy_cart(self) -> Cart | None:
        """The cart of the copy, None without one."""
        return self.copy.copy.cart if self.copy is not None else None


@dataclass(frozen=True, slots=True)
class CopyStats:
    """What the database holds: carts by owner kind and status, lines, units, and moments."""

    carts: dict[str, dict[str, int]]
    put_to_rest: int
    lines: int
    units: int
    handed_over: int
    pending_settlements: int
    last_saved_at: datetime | None


def inspect_cart(owner: CartOwner) -> Inspection:
    """Look at hash and copy, and change nothing. Raises CartStoreUnavailable."""
    copy = read_copy(owner)
    drifts = verify_carts(shard_prefix(owner), [owner]).drifts
    return Inspection(
        living=care.look_at(owner),
        copy=_describe_copy(copy),
        drift=drifts[0] if drifts else None,
        pending_orders=_list_pending(owner),
    )


def inspect_copy(owner: CartOwner) -> Inspection:
    """Look at the copy alone, for when the live store cannot be reached."""
    copy = read_copy(owner)
    return Inspection(
        living=None,
        copy=_describe_copy(copy),
        drift=None,
        pending_orders=_list_pending(owner),
    )


def inspect_past(cart_id: str) -> Inspection:
    """Look at the copy with this id: of a cart that is not its owner's any more."""
    cart = read_carts([cart_id]).get(cart_id)
    copy = Copy(cart, (), has_expired=False, is_retired=True) if cart is not None else None
    return Inspection(living=None, copy=_describe_copy(copy), drift=None, pending_orders=())


def has_cart(owner: CartOwner) -> bool:
    """Tell whether there is or was a cart of this owner. Raises CartStoreUnavailable."""
    field = "session_id" if owner.is_guest else "user_id"
    if CartModel.objects.filter(**{field: owner.id}).exists():
        return True
    return care.look_at(owner) is not None


def read_copy_stats() -> CopyStats:
    """Count the rows; reads all of them."""
    groups = rows.fetch(_STATS)
    lines, units = rows.fetch(_LINE_STATS)[0]
    carts: dict[str, dict[str, int]] = {"user": {}, "guest": {}}
    for kind, status, count, *_ in groups:
        carts[kind][status] = count
    moments = [saved_at for *_, saved_at in groups]
    return CopyStats(
        carts=carts,
        put_to_rest=sum(group[3] for group in groups),
        lines=lines,
        units=units,
        handed_over=sum(group[4] for group in groups),
        pending_settlements=PendingSettlement.objects.count(),
        last_saved_at=max(moments, default=None),
    )


def _list_pending(owner: CartOwner) -> tuple[str, ...]:
    pending = PendingSettlement.objects.filter(owner=owner.key).order_by("created_at")
    return tuple(pending.values_list("pk", flat=True))


def _describe_copy(copy: Copy | None) -> CopyState | None:
    if copy is None:
        return None
    row = CartModel.objects.get(pk=copy.cart.id)
    return CopyState(copy, row.saved_at, row.expires_at, row.retired_at)


_LINE_STATS = "SELECT count(*), coalesce(sum(quantity), 0) FROM carts_cartitem"
_STATS = """
SELECT CASE WHEN user_id IS NULL THEN 'guest' ELSE 'user' END, status, count(*),
       count(retired_at), count(*) FILTER (WHERE handover <> ''), max(saved_at)
FROM carts_cart GROUP BY 1, 2
"""
