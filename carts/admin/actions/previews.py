"""What an action is going to do, as the page that asks for confirmation says it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carts.admin.actions.intents import ActionRefused, Intent
from carts.admin.page.banners import describe_drift
from carts.domain.cart import Cart, CartOwner, Line, LineId
from carts.domain.errors import ItemNotFound
from carts.domain.uniting import unite_carts
from carts.operations.merging import preview_merge
from carts.operations.reading import read_cart
from carts.permanent.verifying import Drift
from products.models import Sku


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action is about to do: sentences, and a table where lines are concerned.

    `title` stands above the page; "" means the action's own label. On confirmation, `values` are
    sent along with what was filled in.
    """

    sentences: Sequence[str]
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    values: dict[str, Any] = field(default_factory=dict)
    title: str = ""


def of_remove(intent: Intent) -> Preview:
    """Name the line that goes."""
    cart, line_id = intent.require_living(), LineId.parse(intent.values["item"])
    line = cart.line_of(line_id.sku_id) if line_id is not None else None
    if line is None:
        raise ItemNotFound
    return Preview(
        [_("This line leaves the cart:")],
        (_("SKU"), _("Units")),
        _list_units([line]),
    )


def of_clear(intent: Intent) -> Preview:
    """Name the lines that go."""
    lines = intent.require_living().lines
    sentence = ngettext(
        "%(count)d line leaves the cart:", "All %(count)d lines leave the cart:", len(lines)
    )
    return Preview([sentence % {"count": len(lines)}], (_("SKU"), _("Units")), _list_units(lines))


def of_repair(intent: Intent) -> Preview:
    """Tell how a drift is mended, and what becomes of every line that differs."""
    drift = intent.found.drift
    if drift is None:
        raise ActionRefused(_("The two copies have not drifted apart."))
    if intent.living is None:
        return _of_replacement(intent)
    if drift.kind == "other history":
        direction = _("Both are united: lines changed later in Redis stay, else the copy counts.")
    else:
        direction = _("The living cart is the truth: it is written over the copy.")
    return Preview(
        [describe_drift(drift.kind), direction],
        (_("SKU"), _("Redis"), _("Database"), _("Afterwards")),
        _list_repairs(intent, drift, intent.living),
    )


def _of_replacement(intent: Intent) -> Preview:
    """Name the lines that come back for a hash that cannot be read."""
    copy = intent.found.copy
    if copy is None or not copy.copy.may_return:
        raise ActionRefused(_("What Redis holds is not a cart, and no copy of it can come back."))
    days = settings.CART_TTL_DAYS
    sentence = ngettext(
        "It is put away for %(days)d day, and the copy comes back in its place:",
        "It is put away for %(days)d days, and the copy comes back in its place:",
        days,
    )
    return Preview(
        [_("What Redis holds is not a cart."), sentence % {"days": days}],
        (_("SKU"), _("Units")),
        _list_units(copy.copy.cart.lines),
    )


def of_merge(intent: Intent) -> Preview:
    """Tell what the user's cart becomes, line by line."""
    user = CartOwner.for_user(intent.values["user"].pk)
    guest_cart, user_cart = intent.require_living(), read_cart(user)
    plan = preview_merge(guest=intent.owner, user=user, strategy=intent.values["strategy"])
    theirs, own = _by_sku(guest_cart), _by_sku(user_cart)
    after = {line.sku_id: str(line.quantity) for line in plan.lines}
    after |= {
        line.sku_id: _("%(units)d, no more are to be had") % {"units": line.quantity}
        for line in plan.capped
    }
    after |= {line.sku_id: _("left out") for line in plan.skipped}
    codes = read_codes(after)
    return Preview(
        [
            _("These lines go into the cart of %(user)s, and the guest's cart is emptied.")
            % {"user": intent.values["user"].get_username()}
        ],
        (_("SKU"), _("Guest's"), _("User's"), _("Afterwards")),
        [
            (codes.get(sku, sku), _show_units(theirs.get(sku)), _show_units(own.get(sku)), units)
            for sku, units in after.items()
        ],
        {"user_version": user_cart.version},
    )


def of_expire(intent: Intent) -> Preview:
    """Tell what becomes of the cart: a guest's ends, a user's is put to rest."""
    if not intent.owner.is_guest:
        return Preview(
            [
                _("The cart is saved and leaves Redis."),
                _("It comes back when its owner next looks at it. No line is lost."),
            ],
            title=_("Put to rest"),
        )
    lines = intent.living.lines if intent.living is not None else ()
    return Preview(
        [
            _("The cart is saved, ends as expired and leaves Redis."),
            _("Its lines do not come back: the guest begins with an empty cart."),
        ],
        (_("SKU"), _("Units")),
        _list_units(lines),
    )


def read_codes(sku_ids: Collection[str]) -> dict[str, str]:
    """Return the codes of SKUs by id, in one query."""
    return dict(Sku.objects.filter(pk__in=sku_ids).values_list("pk", "code"))


def _list_repairs(intent: Intent, drift: Drift, living: Cart) -> list[Sequence[str]]:
    after, copy = living, intent.found.copy_cart
    if drift.kind == "other history" and copy is not None:
        after = unite_carts(living=living, copy=copy)
    codes = read_codes([line.sku_id for line in drift.lines])
    return [
        (
            codes.get(line.sku_id, line.sku_id),
            _show_units(line.living),
            _show_units(line.copy),
            _show_units(after.line_of(line.sku_id)),
        )
        for line in drift.lines
    ]


def _list_units(lines: Sequence[Line]) -> list[Sequence[str]]:
    codes = read_codes([line.sku_id for line in lines])
    return [(codes.get(line.sku_id, line.sku_id), str(line.quantity)) for line in lines]


def _show_units(line: Line | None) -> str:
    return str(line.quantity) if line is not None else "–"


def _by_sku(cart: Cart) -> dict[str, Line]:
    return {line.sku_id: line for line in cart.lines}
