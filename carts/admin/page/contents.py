"""Everything on a cart's page: the living cart beside its copy, and what has happened to it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from carts.admin.naming import label_owner
from carts.admin.page.banners import Banner, describe_state
from carts.admin.page.facts import Fact, list_facts
from carts.admin.page.history import ChangeRow, list_changes
from carts.admin.page.lines import ShownLine, list_lines
from carts.admin.sections import Section, build_sections
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.permanent.inspecting import Inspection, inspect_cart, inspect_copy, inspect_past
from config.hashing import hash_secret


@dataclass(frozen=True, slots=True)
class OwnerCard:
    """Whose cart it is: an account, or a guest by the hash of the id, which is a secret."""

    is_guest: bool
    name: str
    id: str
    email: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class CartPage:
    """Everything on the page.

    `version` is the living cart's, 0 without one. `is_past` says that the owner has another cart
    by now, so that there is nothing to mend here.
    """

    title: str
    owner: OwnerCard
    found: Inspection
    banners: list[Banner]
    facts: list[Fact]
    lines: list[ShownLine]
    changes: list[ChangeRow]
    sections: list[Section]
    version: int
    is_alive: bool
    is_store_down: bool
    is_past: bool = False


def build_page(request: HttpRequest, owner: CartOwner) -> CartPage:
    """Look at an owner's cart, or at its copy alone if the live store cannot be reached."""
    now = datetime.now(UTC)
    found, is_store_down = _look_at(owner)
    banners = describe_state(found, is_store_down=is_store_down, now=now)
    page = _build(request, owner, found, banners, now)
    return replace(page, is_store_down=is_store_down)


def build_past_page(request: HttpRequest, owner: CartOwner, cart_id: str) -> CartPage:
    """Look at a cart that ended before its owner's present one."""
    text = _("Its owner has begun another cart since.")
    banners = [Banner("info", _("This cart has ended"), text)]
    page = _build(request, owner, inspect_past(cart_id), banners, datetime.now(UTC))
    return replace(page, is_past=True)


def _build(
    request: HttpRequest,
    owner: CartOwner,
    found: Inspection,
    banners: list[Banner],
    now: datetime,
) -> CartPage:
    living, card = found.living_cart, describe_owner(owner)
    return CartPage(
        title=_("Cart of %(owner)s") % {"owner": card.name},
        owner=card,
        found=found,
        banners=banners,
        facts=list_facts(found, now=now),
        lines=list_lines(living, found.copy_cart, now=now),
        changes=list_changes(owner, now=now),
        sections=build_sections(request, owner),
        version=living.version if living is not None else 0,
        is_alive=found.living is not None,
        is_store_down=False,
    )


def _look_at(owner: CartOwner) -> tuple[Inspection, bool]:
    """Return what is known of a cart, and whether the live store could not be asked."""
    try:
        return inspect_cart(owner), False
    except CartStoreUnavailable:
        return inspect_copy(owner), True


def describe_owner(owner: CartOwner) -> OwnerCard:
    """Tell whose cart it is, in one query for a user."""
    if owner.is_guest:
        return OwnerCard(True, label_owner(owner), hash_secret(owner.key), "", is_active=True)
    users = get_user_model()._default_manager.filter(pk=owner.id)
    row = users.values_list("username", "email", "is_active").first()
    if row is None:
        return OwnerCard(False, _("Deleted user"), owner.id, "", is_active=False)
    return OwnerCard(False, row[0], owner.id, row[1], is_active=row[2])
