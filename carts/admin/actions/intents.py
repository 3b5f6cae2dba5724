"""What a member of staff is about to do to a cart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartChanged
from carts.live.store import ChangeContext
from carts.permanent.inspecting import Inspection


class ActionRefused(Exception):
    """The action makes no sense for the cart as it is; the message says why."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Whose cart, as it was found; what was filled in; and in whose name it is done."""

    owner: CartOwner
    found: Inspection
    values: Mapping[str, Any]
    context: ChangeContext

    @property
    def living(self) -> Cart | None:
        """The living cart, or None if there is no hash that can be read."""
        return self.found.living_cart

    @property
    def cart_id(self) -> str:
        """The id of the living cart, or else of the copy; "" where there is neither."""
        cart = self.living or self.found.copy_cart
        return cart.id if cart is not None else ""

    @property
    def cart_ids(self) -> frozenset[str]:
        """The ids of both copies. They differ while a cart that was just begun is unsaved."""
        carts = (self.living, self.found.copy_cart)
        return frozenset(cart.id for cart in carts if cart is not None)

    @property
    def version(self) -> int:
        """The version of the living cart, 0 without one."""
        return self.living.version if self.living is not None else 0

    @property
    def pinned_context(self) -> ChangeContext:
        """The context of a change to exactly the version that was shown for confirmation."""
        return self.context.pinned_to(self.values["version"])

    def require_shown_version(self) -> None:
        """Raise CartChanged where the cart is not as it was shown when this was confirmed."""
        if self.values["version"] != self.version:
            raise CartChanged

    def require_living(self) -> Cart:
        """Return the living cart; raises ActionRefused if none can be read."""
        if self.living is None:
            raise ActionRefused(_("There is no living cart."))
        return self.living
