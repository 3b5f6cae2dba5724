"""How the staff's pages name and link carts; a guest is named by the hash of the id."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import gettext as _

from carts.admin.list.finding import name_carts, name_owner
from carts.domain.cart import CartOwner
from config.hashing import hash_secret

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class OwnerLink:
    """An owner as a list shows them, and where their cart's page is."""

    owner: CartOwner
    label: str
    url: str


def page_url(name: str) -> str:
    """Return the address of the page of the cart with this name."""
    return reverse("admin:carts_cart_change", args=[name])


def owner_url(owner: CartOwner) -> str:
    """Return the address of an owner's cart by the owner; the page knows the cart's own one."""
    return page_url(name_owner(owner))


def link_owners(owners: Sequence[CartOwner]) -> list[OwnerLink]:
    """Return links to the carts of these owners; two queries. Raises CartStoreUnavailable."""
    names, usernames = name_carts(owners), read_usernames(owners)
    return [
        OwnerLink(owner, usernames.get(owner.id) or label_owner(owner), page_url(names[owner]))
        for owner in owners
    ]


def label_owner(owner: CartOwner) -> str:
    """Return how an owner is called where the account's name is not known."""
    if owner.is_guest:
        return _("Guest %(hash)s") % {"hash": hash_secret(owner.key)[:_SHOWN_DIGITS]}
    return owner.id


def read_usernames(owners: Sequence[CartOwner]) -> dict[str, str]:
    """Return the names of the users among the owners by id, in one query."""
    ids = [owner.id for owner in owners if not owner.is_guest]
    users = get_user_model()._default_manager.filter(pk__in=ids)
    return dict(users.values_list("pk", "username"))
