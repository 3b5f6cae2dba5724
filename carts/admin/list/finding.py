"""Finding carts for the staff: by whose they are, and by what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from carts.admin.lookups import list_newest_unsaved
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.bulk import find_units
from carts.models import Cart, CartItem
from carts.permanent.mapping import owner_of

_MAX_FOUND = 50
# A million carts may have a SKU; the staff need a few of them.
_MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class Holding:
    """A cart that holds a SKU: units in the living cart and in the copy, None where there is none.

    `changed_at` is when the copy last changed, None without one.
    """

    owner: CartOwner
    living_units: int | None
    copy_units: int | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Holdings:
    """Carts with a SKU, at most 50; `is_complete` tells whether all that were found are here.

    `without_living` says that the live store could not be asked.
    """

    carts: tuple[Holding, ...]
    is_complete: bool
    without_living: bool


def find_users(text: str) -> list[CartOwner]:
    """Return the users with this id, name or address; case does not matter; one query."""
    lowered = Lower(Value(text))
    users = get_user_model()._default_manager.alias(_name=Lower("username"), _email=Lower("email"))
    found: QuerySet[Any] = users.filter(Q(pk=text) | Q(_name=lowered) | Q(_email=lowered))
    return [CartOwner.for_user(user_id) for user_id in found.values_list("pk", flat=True)[:10]]


def find_similar_users(text: str) -> list[CartOwner]:
    """Return users whose name or address has this text in it, at most 10; one query."""
    users = get_user_model()._default_manager.order_by("username")
    found: QuerySet[Any] = users.filter(Q(username__icontains=text) | Q(email__icontains=text))
    return [CartOwner.for_user(user_id) for user_id in found.values_list("pk", flat=True)[:10]]


def find_holders(sku_id: str) -> Holdings:
    """Return carts that hold a SKU: the newest unsaved ones, then copies by last change.

    Where a cart is alive, its present units count. Two queries and two round trips, however many
    carts; looks at 500 lines and 5,000 living carts at most.
    """
    copies, is_complete = _read_copies(sku_id)
    try:
        sightings = _look_at_living(sku_id, copies)
        is_down = False
    except CartStoreUnavailable:
        sightings, is_down = {}, True
    found = [
        holding
        for owner in dict.fromkeys([*sightings, *copies])
        if (holding := _join(owner, copies, sightings)) is not None
    ]
    is_complete = is_complete and len(found) <= _MAX_FOUND
    return Holdings(tuple(found[:_MAX_FOUND]), is_complete, without_living=is_down)


def _read_copies(sku_id: str) -> tuple[dict[CartOwner, Holding], bool]:
    """Read some lines of a SKU; return the active copies with them, and whether those are all."""
    some = CartItem.objects.filter(sku_id=sku_id).order_by()[:_MAX_LINES]
    lines = dict(some.values_list("cart_id", "quantity"))
    carts = Cart.objects.filter(pk__in=lines, status="ACTIVE").order_by("-updated_at")
    copies = [
        Holding(owner_of(row.user_id, row.session_id), None, lines[row.pk], row.updated_at)
        for row in carts.only("user_id", "session_id", "updated_at")
    ]
    return {copy.owner: copy for copy in copies}, len(lines) < _MAX_LINES


def _look_at_living(
    sku_id: str, copies: Mapping[CartOwner, Holding]
) -> dict[CartOwner, int | None]:
    owners = list(dict.fromkeys([*list_newest_unsaved(), *copies]))
    return {
        owner: units
        for owner, units in find_units(owners, sku_id).items()
        if units is not None or owner in copies
    }


def _join(
    owner: CartOwner,
    copies: Mapping[CartOwner, Holding],
    sightings: Mapping[CartOwner, int | None],
) -> Holding | None:
    """Return what an owner holds; None where the living cart no longer has the SKU."""
    copy, is_alive = copies.get(owner), owner in sightings
    units = sightings.get(owner)
    if is_alive and units is None:
        return None
    copy_units = copy.copy_units if copy is not None else None
    return Holding(owner, units, copy_units, copy.changed_at if copy is not None else None)
