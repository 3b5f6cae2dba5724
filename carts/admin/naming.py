"""Names of carts, owners and changes on the staff's pages, and whose cart a name means.

A cart's name, in addresses and links, is its id where there is a copy of it, else "user-<id>" or
"guest-<hash>": a guest's id is a secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from carts.admin.lookups import find_guest
from carts.domain.cart import CartOwner, is_id
from carts.live.guests import note_guests
from carts.models import Cart, CartChange
from carts.permanent.mapping import owner_of
from carts.permanent.rows import find_missing_users
from config.hashing import hash_secret

# What the names of carts without a copy begin with.
USER, GUEST = "user-", "guest-"
_SHOWN_DIGITS = 12
CHANGE_NAMES = {
    "add": gettext_lazy("Added"),
    "update": gettext_lazy("Quantity set"),
    "remove": gettext_lazy("Removed"),
    "clear": gettext_lazy("Cleared"),
    "select": gettext_lazy("Selected"),
    "deselect": gettext_lazy("Deselected"),
    "acknowledge": gettext_lazy("Price accepted"),
    "merge": gettext_lazy("Merged in"),
    "hand_over": gettext_lazy("Merged away"),
    "purchase": gettext_lazy("Bought"),
    "unite": gettext_lazy("United with the copy"),
    "save": gettext_lazy("Saved by hand"),
    "restore": gettext_lazy("Brought back by hand"),
    "repair": gettext_lazy("Repaired by hand"),
    "expire": gettext_lazy("Ended by hand"),
}
SOURCE_NAMES = {
    "api": gettext_lazy("Shop"),
    "admin": gettext_lazy("Admin"),
    "order": gettext_lazy("Order"),
    "merge": gettext_lazy("Merge"),
    "repair": gettext_lazy("Repair"),
    "command": gettext_lazy("Command"),
}


@dataclass(frozen=True, slots=True)
class OwnerLink:
    """An owner as a list shows them, and where their cart's page is."""

    owner: CartOwner
    label: str
    url: str


def find_owner(name: str) -> CartOwner | None:
    """Return whose cart a name means, None for an unknown one.

    Raises CartStoreUnavailable where only the live store could tell which guest a hash means.
    """
    if not is_id(name):
        return None
    if name.startswith(USER):
        user_id = name.removeprefix(USER)
        return None if find_missing_users([user_id]) else CartOwner.for_user(user_id)
    if name.startswith(GUEST):
        return _find_guest(name.removeprefix(GUEST))
    row = Cart.objects.filter(pk=name).values_list("user_id", "session_id").first()
    return owner_of(*row) if row is not None else None


def is_owner_name(name: str) -> bool:
    """Tell whether a name is the owner's rather than that of one cart."""
    return name.startswith((USER, GUEST))


def page_url(name: str) -> str:
    """Return the address of the page of the cart with this name."""
    return reverse("admin:carts_cart_change", args=[name])


def owner_url(owner: CartOwner) -> str:
    """Return the address of a cart's page by its owner's name, which the page accepts, too."""
    return page_url(_name_owner(owner))


def link_owners(owners: Sequence[CartOwner]) -> list[OwnerLink]:
    """Return links to the carts of these owners; two queries. Raises CartStoreUnavailable."""
    names = _name_carts(owners)
    usernames = read_usernames(owner.id for owner in owners if not owner.is_guest)
    return [
        OwnerLink(owner, usernames.get(owner.id) or label_owner(owner), page_url(names[owner]))
        for owner in owners
    ]


def read_usernames(user_ids: Iterable[str]) -> dict[str, str]:
    """Return the usernames of these users by id, in one query."""
    users = get_user_model()._default_manager.filter(pk__in=set(user_ids))
    return dict(users.values_list("pk", "username"))


def label_owner(owner: CartOwner) -> str:
    """Return how an owner is called where the account's name is not known."""
    return label_guest(hash_secret(owner.key)) if owner.is_guest else owner.id


def label_guest(digest: str) -> str:
    """Return how a guest is called, by the first digits of the hash."""
    return _("Guest %(hash)s") % {"hash": digest[:_SHOWN_DIGITS]}


def name_change(action: str) -> str:
    """Return an action of the change log in the reader's language."""
    return str(CHANGE_NAMES.get(action, action))


def name_source(source: str) -> str:
    """Return a source of the change log in the reader's language."""
    return str(SOURCE_NAMES.get(source, source))


def find_copy_ids(owners: Sequence[CartOwner]) -> dict[CartOwner, str]:
    """Return the ids of these owners' active copies, in one query."""
    rows = Cart.objects.filter(are_active_of(owners)).values_list("pk", "user_id", "session_id")
    return {owner_of(user_id, guest_id): cart_id for cart_id, user_id, guest_id in rows}


def are_active_of(owners: Sequence[CartOwner]) -> Q:
    """Return the condition for these owners' active copies."""
    users = [owner.id for owner in owners if not owner.is_guest]
    guests = [owner.id for owner in owners if owner.is_guest]
    return Q(Q(user_id__in=users) | Q(session_id__in=guests), status="ACTIVE")


def _find_guest(digest: str) -> CartOwner | None:
    """Return the guest whose hash this is: by the log and the copies, else by the living carts."""
    logged = CartChange.objects.filter(owner_kind="guest", owner_id=digest).order_by("-at")
    newest = logged.values("cart_id")[:1]
    guest_id = Cart.objects.filter(pk__in=newest).values_list("session_id", flat=True).first()
    return CartOwner.for_guest(guest_id) if guest_id else find_guest(digest)


def _name_carts(owners: Sequence[CartOwner]) -> dict[CartOwner, str]:
    """Return the names of these owners' carts.

    Guests without a copy are noted, so that the links to them can be followed.
    """
    ids = find_copy_ids(owners)
    note_guests([owner for owner in owners if owner.is_guest and owner not in ids])
    return {owner: ids.get(owner) or _name_owner(owner) for owner in owners}


def _name_owner(owner: CartOwner) -> str:
    """Return the name of an owner's cart without a copy."""
    return f"{GUEST}{hash_secret(owner.key)}" if owner.is_guest else f"{USER}{owner.id}"
