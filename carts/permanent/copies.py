"""Reading one owner's permanent copy, with everything that decides whether it may come back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from carts.domain.cart import Cart, CartOwner
from carts.domain.settling import Purchase
from carts.live.keys import settlement_token
from carts.models import Cart as CartModel
from carts.permanent import rows
from carts.permanent.columns import CartRow, LineRow, read_columns
from carts.permanent.mapping import from_rows


@dataclass(frozen=True, slots=True)
class Copy:
    """An owner's active cart as it was saved, or else the last one that ended.

    `purchases` are those that may not have left this copy. `has_expired` says that a guest's cart
    was left for too long, whether or not it has been ended; `is_retired` that the sweep knows of
    no hash.
    """

    cart: Cart
    purchases: tuple[Purchase, ...]
    has_expired: bool
    is_retired: bool

    @property
    def may_return(self) -> bool:
        """Whether the cart comes back where its hash is lost."""
        return self.cart.status == "ACTIVE" and not self.has_expired


def read_copy(owner: CartOwner) -> Copy | None:
    """Return the owner's copy in one query, None without any. Raises OperationalError."""
    sql = _GUEST_COPY if owner.is_guest else _USER_COPY
    found = rows.fetch(sql, owner.key, owner.id, owner.id)
    if not found:
        return None
    *row, is_idle, is_retired, lines, settlements = found[0]
    return Copy(
        cart=from_rows(CartRow._make(row), lines or ()),
        purchases=tuple(
            Purchase(settlement_token(order_id), units) for order_id, units in settlements or ()
        ),
        has_expired=owner.is_guest and is_idle,
        is_retired=is_retired,
    )


def read_carts(cart_ids: Collection[str]) -> dict[str, Cart]:
    """Return the carts of copies by id, whatever their status, in one query."""
    found = rows.fetch(_CARTS, list(cart_ids))
    return {row[0]: from_rows(CartRow._make(row), lines or ()) for *row, lines in found}


def find_handed_over(*, saved_before: datetime) -> list[CartOwner]:
    """Return the guests whose copies are handed over to a user."""
    carts = CartModel.objects.filter(~Q(handover=""), status="ACTIVE", saved_at__lt=saved_before)
    found = carts.order_by("updated_at").values_list("session_id", flat=True)
    return [CartOwner.for_guest(guest_id) for guest_id in found if guest_id is not None]


def has_merged(user: CartOwner, token: str) -> bool:
    """Tell whether a copy of the user's has taken in the guest's cart of this merge token.

    One that has ended counts, too: it does not come back, and the next cart knows nothing of it.
    """
    carts = CartModel.objects.filter(user_id=user.id, merged__contains=token)
    return carts.exclude(merged__contains=f"-{token}").exists()


_COLUMNS = read_columns(CartRow, "cart")
_LINES = f"""
(SELECT json_agg(json_build_array({read_columns(LineRow, "line")}))
 FROM carts_cartitem line WHERE line.cart_id = cart.id)
"""  # noqa: S608
_COPY = f"""
SELECT {_COLUMNS}, expires_at < now(), retired_at IS NOT NULL, {_LINES},
       (SELECT json_agg(json_build_array(order_id, units) ORDER BY pending.created_at)
        FROM carts_pendingsettlement pending
        WHERE pending.owner = %s AND pending.cart_id = cart.id)
FROM (
    (SELECT * FROM carts_cart WHERE {{owner}} = %s AND status = 'ACTIVE')
    UNION ALL
    (SELECT * FROM carts_cart WHERE {{owner}} = %s AND status <> 'ACTIVE'
     ORDER BY created_at DESC, id LIMIT 1)
) AS cart
ORDER BY status = 'ACTIVE' DESC
LIMIT 1
"""  # noqa: S608
_USER_COPY = _COPY.format(owner="user_id")
_GUEST_COPY = _COPY.format(owner="session_id")
_CARTS = f"""
SELECT {_COLUMNS}, {_LINES} FROM carts_cart AS cart WHERE id = ANY(%s::text[])
"""  # noqa: S608
