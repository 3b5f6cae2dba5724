"""Who changes a cart, and on what terms."""

from dataclasses import dataclass, replace

from carts.domain.cart import Cart
from carts.domain.errors import CartChanged
from carts.live.keys import derive_cart_id
from carts.live.store import ChangeTerms
from config.http.idempotency import KeyedCall
from config.http.ratelimit import Charge


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Who makes a change, and on what terms.

    `source` is where it comes from (api, admin, command, merge, order), `actor` who ("" for the
    cart's owner). `expected_versions` are those of If-Match, None for any.
    """

    source: str
    actor: str = ""
    request_id: str = "-"
    charges: tuple[Charge, ...] = ()
    expected_versions: frozenset[int] | None = None
    call: KeyedCall | None = None

    def pinned_to(self, version: int, call: KeyedCall | None = None) -> "ChangeContext":
        """Return this context for one version of the cart, free of charge."""
        return replace(self, charges=(), expected_versions=frozenset({version}), call=call)


def start_terms(cart: Cart, context: ChangeContext) -> ChangeTerms:
    """Return the terms of a change to this cart that may start the owner's cart, or the next one.

    Raises CartChanged where If-Match names other versions.
    """
    fresh_id = cart.id
    if cart.exists:
        fresh_id = "" if cart.status == "ACTIVE" else derive_cart_id(cart.owner, cart.id)
    return change_terms(cart, context, fresh_id=fresh_id)


def change_terms(cart: Cart, context: ChangeContext, *, fresh_id: str = "") -> ChangeTerms:
    """Return the terms of a change to this very cart; raises CartChanged as above."""
    require_version(cart, context)
    return ChangeTerms(
        seen_id=cart.id if cart.exists else "",
        fresh_id=fresh_id,
        source=context.source,
        actor=context.actor,
        request_id=context.request_id,
        expected_version=None if context.expected_versions is None else cart.version,
        call=context.call,
    )


def require_version(cart: Cart, context: ChangeContext) -> None:
    """Raise CartChanged where If-Match names other versions than this cart's."""
    if context.expected_versions is not None and cart.version not in context.expected_versions:
        raise CartChanged
