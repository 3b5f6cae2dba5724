"""What each action does: it calls the operation that the API or the commands use.

Each returns a sentence that says what was done. If it raises CartError or ActionRefused, nothing
has changed.
"""

from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carts.admin.actions.intents import ActionRefused, Intent
from carts.admin.actions.previews import read_codes
from carts.domain.cart import Addition, Cart, CartOwner, LineId, Update
from carts.domain.errors import CartContended, ItemNotFound
from carts.log.stream import note_action
from carts.operations.lines import add_lines, clear_cart, remove_lines, select_all, update_lines
from carts.operations.merging import merge_carts
from carts.permanent.repairing import repair
from carts.permanent.restoring import restore_cart
from carts.permanent.saving import save_cart
from carts.permanent.sweep import expire_cart


def do_quantity(intent: Intent) -> str:
    """Set a line's units."""
    item_id, quantity = intent.values["item"], intent.values["quantity"]
    before = _units_of(intent, item_id)
    updates = [Update(item_id=item_id, quantity=quantity)]
    update_lines(owner=intent.owner, updates=updates, context=intent.context).require_done()
    return _("%(sku)s: %(before)d → %(after)d units.") % {
        "sku": _name_line(item_id),
        "before": before,
        "after": quantity,
    }


def do_select(intent: Intent) -> str:
    """Select a line or all, or neither."""
    item_id, selected = intent.values["item"], intent.values["selected"] == "yes"
    if not item_id:
        select_all(owner=intent.owner, selected=selected, context=intent.context)
        return _("Every line is selected.") if selected else _("No line is selected.")
    updates = [Update(item_id=item_id, selected=selected)]
    update_lines(owner=intent.owner, updates=updates, context=intent.context).require_done()
    done = _("%(sku)s is selected.") if selected else _("%(sku)s is not selected.")
    return done % {"sku": _name_line(item_id)}


def do_remove(intent: Intent) -> str:
    """Take a line out."""
    item_id = intent.values["item"]
    units = _units_of(intent, item_id)
    result = remove_lines(owner=intent.owner, item_ids=[item_id], context=intent.pinned_context)
    result.require_done()
    return _("%(sku)s: %(units)d units removed.") % {"sku": _name_line(item_id), "units": units}


def do_clear(intent: Intent) -> str:
    """Take all lines out."""
    count = len(intent.require_living().lines)
    clear_cart(owner=intent.owner, context=intent.pinned_context)
    return ngettext("%(count)d line removed.", "%(count)d lines removed.", count) % {"count": count}


def do_add(intent: Intent) -> str:
    """Add units of a SKU."""
    sku, units = intent.values["sku"], intent.values["quantity"]
    addition = Addition(product_id=sku.product_id, units=units, sku_id=sku.pk)
    add_lines(owner=intent.owner, additions=[addition], context=intent.context).require_done()
    return _("%(sku)s: %(units)d units added.") % {"sku": sku.code, "units": units}


def do_save(intent: Intent) -> str:
    """Save the cart now."""
    saved = save_cart(owner=intent.owner, source="admin")
    if saved is None:
        raise ActionRefused(
            _("There is no living cart, or it cannot be saved as it is. Nothing was written.")
        )
    _log(intent, saved, "save")
    return _("The cart is saved at version %(version)d.") % {"version": saved.version}


def do_restore(intent: Intent) -> str:
    """Bring the cart back from its copy."""
    if intent.found.living is not None:
        raise ActionRefused(_("The cart lives in Redis; it stays as it is."))
    cart = restore_cart(intent.owner)
    if not cart.exists:
        raise ActionRefused(_("The database has no active cart of this owner."))
    _log(intent, cart, "restore")
    count = len(cart.lines)
    done = ngettext(
        "The cart is back, with %(count)d line.", "The cart is back, with %(count)d lines.", count
    )
    return done % {"count": count}


def do_repair(intent: Intent) -> str:
    """Mend a drift."""
    drift = intent.found.drift
    if drift is None:
        raise ActionRefused(_("The two copies have not drifted apart."))
    intent.require_shown_version()
    if not repair(drift):
        raise ActionRefused(_("The two copies still differ. See what the log says of this cart."))
    cart = intent.living or intent.found.copy_cart
    if cart is not None:
        _log(intent, cart, "repair")
    return _("The two copies agree again.")


def do_merge(intent: Intent) -> str:
    """Merge a guest's cart into a user's."""
    user = intent.values["user"]
    if not intent.owner.is_guest:
        raise ActionRefused(_("Only a guest's cart can be merged into a user's."))
    intent.require_shown_version()
    result = merge_carts(
        guest=intent.owner,
        user=CartOwner.for_user(user.pk),
        strategy=intent.values["strategy"],
        context=replace(
            intent.context, expected_versions=frozenset({intent.values["user_version"]})
        ),
    )
    if not result.merged_items and not result.skipped:
        raise ActionRefused(_("There was nothing to merge."))
    done = ngettext(
        "%(count)d line went into the cart of %(user)s, %(skipped)d were left out.",
        "%(count)d lines went into the cart of %(user)s, %(skipped)d were left out.",
        result.merged_items,
    )
    return done % {
        "count": result.merged_items,
        "user": user.get_username(),
        "skipped": len(result.skipped),
    }


def do_expire(intent: Intent) -> str:
    """End a guest's cart, or put a user's to rest."""
    if intent.found.living is not None and intent.living is None:
        raise ActionRefused(_("What Redis holds is not a cart, so it cannot be saved first."))
    if intent.living is not None and intent.living.handover is not None:
        raise CartContended
    intent.require_shown_version()
    if expire_cart(intent.owner).kept:
        raise CartContended
    cart = intent.living or intent.found.copy_cart
    if cart is not None:
        _log(intent, cart, "expire")
    if intent.owner.is_guest:
        return _("The cart has ended.")
    return _("The cart is at rest in the database.")


def _units_of(intent: Intent, item_id: str) -> int:
    line_id = LineId.parse(item_id)
    line = intent.living.line_of(line_id.sku_id) if intent.living and line_id else None
    return line.quantity if line is not None else 0


def _name_line(item_id: str) -> str:
    line_id = LineId.parse(item_id)
    if line_id is None:
        raise ItemNotFound
    codes = read_codes([line_id.sku_id])
    return codes.get(line_id.sku_id, line_id.sku_id)


def _log(intent: Intent, cart: Cart, action: str) -> None:
    """Log an action that no script logs, because it concerns no line."""
    note_action(
        cart,
        action=action,
        source=intent.context.source,
        actor=intent.context.actor,
        request_id=intent.context.request_id,
    )
