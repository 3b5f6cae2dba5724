"""Finding carts for the staff: by what names them, and by what is in them.

A cart's name, in addresses and links, is its id where there is a row of it, else "user-<id>" or
"guest-<hash>": a guest's id is a secret.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from carts.admin.list import lookups
from carts.domain.cart import CartOwner, is_id
from carts.domain.errors import CartStoreUnavailable
from carts.live import maintenance
from carts.live.keys import shard_prefix
from carts.models import Cart, CartChange, CartItem
from carts.permanent.mapping import owner_of
from config.hashing import hash_secret

# What the names of carts without a row begin with.
USER, GUEST = "user-", "guest-"
_MAX_FOUND = 50
# Of a SKU that a million carts have, some will do.
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
    """Carts with a SKU, at most 50; `is_complete` tells whether that is all that was to be seen.

    `without_living` says that the live store could not be asked.
    """

    carts: tuple[Holding, ...]
    is_complete: bool
    without_living: bool


def find_owner(name: str) -> CartOwner | None:
    """Return whose cart a name means, None for an unknown one.

    Raises CartStoreUnavailable for a guest's hash that the change log does not lead to a row from.
    """
    if not is_id(name):
        return None
    if name.startswith(USER):
        user_id = name.removeprefix(USER)
        return CartOwner.for_user(user_id) if is_user(user_id) else None
    if name.startswith(GUEST):
        return _find_guest(name.removeprefix(GUEST))
    row = Cart.objects.filter(pk=name).values_list("user_id", "session_id").first()
    return owner_of(*row) if row is not None else None


def is_user(user_id: str) -> bool:
    """Tell whether there is an account with this id."""
    return get_user_model()._default_manager.filter(pk=user_id).exists()


def name_owner(owner: CartOwner) -> str:
    """Return the name of an owner's cart that goes without a row."""
    return f"{GUEST}{hash_secret(owner.key)}" if owner.is_guest else f"{USER}{owner.id}"


def is_owner_name(name: str) -> bool:
    """Tell whether a name is the owner's rather than that of one cart."""
    return name.startswith((USER, GUEST))


def name_carts(owners: Iterable[CartOwner]) -> dict[CartOwner, str]:
    """Return the names of carts, by the rows of the active ones, in one query.

    Whom the hashes among them stand for is noted, so that they can be followed. Raises
    CartStoreUnavailable.
    """
    wanted = list(owners)
    rows = read_active_rows(wanted)
    lookups.note_guests([owner for owner in wanted if owner.is_guest and owner not in rows])
    return {owner: rows[owner].pk if owner in rows else name_owner(owner) for owner in wanted}


def read_active_rows(owners: Sequence[CartOwner]) -> dict[CartOwner, Cart]:
    """Return the rows of these owners' active carts, in one query."""
    rows = Cart.objects.filter(are_active_of(owners))
    return {owner_of(row.user_id, row.session_id): row for row in rows}


def are_active_of(owners: Sequence[CartOwner]) -> Q:
    """Return the condition for the rows of these owners' active carts."""
    users = [owner.id for owner in owners if not owner.is_guest]
    guests = [owner.id for owner in owners if owner.is_guest]
    return Q(Q(user_id__in=users) | Q(session_id__in=guests), status="ACTIVE")


def find_users(text: str) -> list[CartOwner]:
    """Return the users whose id, name or address this is, without regard to case; one query."""
    lowered = Lower(Value(text))
    users = get_user_model()._default_manager.alias(_name=Lower("username"), _email=Lower("email"))
    found: QuerySet[Any] = users.filter(Q(pk=text) | Q(_name=lowered) | Q(_email=lowered))
    return [CartOwner.for_user(user_id) for user_id in found.values_list("pk", flat=True)[:10]]


def find_similar_users(text: str) -> list[CartOwner]:
    """Return users whose name or address has this text in it, at most 10; one query."""
    users = get_user_model()._default_manager.order_by("username")
    found: QuerySet[Any] = users.filter(Q(username__icontains=text) | Q(email__icontains=text))
    return [CartOwner.for_user(user_id) for user_id in found.values_list("pk", flat=True)[:10]]


def has_cart(owner: CartOwner) -> bool:
    """Tell whether there is or was a cart of this owner. Raises CartStoreUnavailable."""
    rows = Cart.objects.filter(_belongs_to(owner))
    if rows.exists():
        return True
    page = maintenance.read(shard_prefix(owner), [owner])
    return bool(page.found or page.unreadable)


def find_holders(sku_id: str) -> Holdings:
    """Return carts that hold a SKU: the newest unsaved carts, and copies, those last changed first.

    A living cart counts as it is now. Two queries and two round trips, however many carts; looks at
    500 lines and 5,000 living carts at most.
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


def _find_guest(digest: str) -> CartOwner | None:
    """Return the guest whose hash this is: by the log and the rows, else by the living carts."""
    logged = CartChange.objects.filter(owner_kind="guest", owner_id=digest).order_by("-at")
    newest = logged.values("cart_id")[:1]
    guest_id = Cart.objects.filter(pk__in=newest).values_list("session_id", flat=True).first()
    return CartOwner.for_guest(guest_id) if guest_id else lookups.find_guest(digest)


def _belongs_to(owner: CartOwner) -> Q:
    return Q(session_id=owner.id) if owner.is_guest else Q(user_id=owner.id)


def _read_copies(sku_id: str) -> tuple[dict[CartOwner, Holding], bool]:
    """Return the active copies among some lines of a SKU, and whether these are all lines."""
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
    owners = list(dict.fromkeys([*lookups.list_newest_unsaved(), *copies]))
    sightings = {seen.owner: seen.units for seen in lookups.look_for_sku(owners, sku_id)}
    return {
        owner: units for owner, units in sightings.items() if units is not None or owner in copies
    }


def _join(
    owner: CartOwner,
    copies: Mapping[CartOwner, Holding],
    sightings: Mapping[CartOwner, int | None],
) -> Holding | None:
    """Return what an owner holds; None where the living cart has let go of the SKU."""
    copy, is_alive = copies.get(owner), owner in sightings
    units = sightings.get(owner)
    if is_alive and units is None:
        return None
    copy_units = copy.copy_units if copy is not None else None
    return Holding(owner, units, copy_units, copy.changed_at if copy is not None else None)
