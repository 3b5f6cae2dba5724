"""The menu of a cart's page: what the staff can do to a cart, and which actions make sense."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from carts.admin.actions.effects import (
    do_add,
    do_clear,
    do_expire,
    do_merge,
    do_quantity,
    do_remove,
    do_repair,
    do_restore,
    do_save,
    do_select,
)
from carts.admin.actions.forms import (
    AddForm,
    CartForm,
    LineForm,
    MergeForm,
    QuantityForm,
    SelectionForm,
)
from carts.admin.actions.intents import Intent
from carts.admin.actions.previews import (
    Preview,
    of_clear,
    of_expire,
    of_merge,
    of_remove,
    of_repair,
)
from carts.admin.page.contents import CartPage
from carts.domain.cart import CartOwner


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do to a cart: see `carts.admin.actions.effects` for `run`.

    An action without a `preview` destroys nothing, and is done without asking.
    """

    name: str
    label: Any
    permission: str
    form: type[CartForm]
    run: Callable[[Intent], str]
    preview: Callable[[Intent], Preview] | None = None

    def may_be_taken(self, request: HttpRequest) -> bool:
        """Tell whether the reader of the page has the permission for it."""
        return request.user.has_perm(f"carts.{self.permission}")


_ALL = (
    Action("quantity", _("Set units"), "change_cart", QuantityForm, do_quantity),
    Action("select", _("Select"), "change_cart", SelectionForm, do_select),
    Action("remove", _("Remove line"), "change_cart", LineForm, do_remove, of_remove),
    Action("clear", _("Clear"), "change_cart", CartForm, do_clear, of_clear),
    Action("add", _("Add"), "change_cart", AddForm, do_add),
    Action("save", _("Save now"), "save_cart", CartForm, do_save),
    Action("restore", _("Restore"), "restore_cart", CartForm, do_restore),
    Action("repair", _("Repair"), "repair_cart", CartForm, do_repair, of_repair),
    Action("merge", _("Merge into a user's cart"), "merge_cart", MergeForm, do_merge, of_merge),
    Action("expire", _("End"), "expire_cart", CartForm, do_expire, of_expire),
)
ACTIONS = {action.name: action for action in _ALL}


def list_offered(request: HttpRequest, owner: CartOwner, page: CartPage) -> frozenset[str]:
    """Return the names of the actions that make sense for a cart, and that the reader may take."""
    if page.is_past or page.is_store_down:
        return frozenset()
    living, copy = page.found.living_cart, page.found.copy
    has_lines = living is not None and bool(living.lines)
    can_return = copy is not None and copy.copy.may_return
    sensible = {
        "add": True,
        "quantity": has_lines,
        "select": has_lines,
        "remove": has_lines,
        "clear": has_lines,
        "save": page.is_alive,
        "restore": can_return and not page.is_alive,
        "repair": page.found.drift is not None,
        "merge": has_lines and owner.is_guest,
        "expire": page.is_alive or can_return,
    }
    return frozenset(
        name for name, each in ACTIONS.items() if sensible[name] and each.may_be_taken(request)
    )
