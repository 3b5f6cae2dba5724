"""Merging a guest's cart into a user's, exactly once.

Two carts are two keys, maybe on two machines, so it takes three steps, each safe to repeat:

1. Hand the guest's cart over to the user. From here on it takes no change.
2. Write its lines into the user's cart, which remembers this guest cart by a token.
3. Empty the guest's cart.

A merge that stops between two steps is finished by the next merge, by the next change the guest
makes, or by the sweep.
"""

from dataclasses import dataclass
from typing import cast

from django.conf import settings

from carts.domain.cart import Cart, CartOwner, Handover
from carts.domain.errors import CartContended
from carts.domain.merging import (
    CappedLine,
    MergeLimits,
    MergePlan,
    SkippedLine,
    Strategy,
    plan_merge,
)
from carts.live import store
from carts.live.keys import merge_token
from carts.reading import CartView, ChangeContext, read_cart, start_terms, view_cart
from products.catalogue import read_offers

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The user's cart after a merge, and what the merge did; `merged_items` counts lines."""

    view: CartView
    strategy: Strategy
    merged_items: int = 0
    capped: tuple[CappedLine, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()


def merge_carts(
    *, guest: CartOwner, user: CartOwner, strategy: Strategy | None, context: ChangeContext
) -> MergeResult:
    """Move the guest's lines into the user's cart; a guest without lines changes nothing.

    `strategy` None takes the one of the settings. Raises RateLimited, UserInactive,
    OperationRepeatedError, CartStoreUnavailable; the merge is then finished later, or never began.
    """
    chosen = strategy or cast(Strategy, settings.CART_MERGE_STRATEGY)
    user_cart = read_cart(user, charges=context.charges, operation=context.operation)
    for _ in range(_ATTEMPTS):
        guest_cart = read_cart(guest)
        outcome = store.begin_merge(guest, Handover(user.id, chosen))
        match outcome.status:
            case "done" if outcome.cart is not None:
                return _take_over(outcome.cart, context)
            case "taken" if outcome.cart is not None:
                finish_handover(outcome.cart, context)
            case "empty":
                break
            case _ if not guest_cart.exists:
                break
    offers = read_offers(sku_ids=user_cart.sku_ids, buyer=user.key) if user_cart.lines else {}
    return MergeResult(view_cart(user_cart, offers), chosen)


def finish_handover(guest_cart: Cart, context: ChangeContext) -> None:
    """Finish the merge this guest's cart is handed over to, if it still is."""
    if guest_cart.handover is not None:
        _take_over(guest_cart, context)


def _take_over(guest_cart: Cart, context: ChangeContext) -> MergeResult:
    handover = cast(Handover, guest_cart.handover)
    strategy = cast(Strategy, handover.strategy)
    user = CartOwner.for_user(handover.user_id)
    view, plan = _apply(guest_cart, user, strategy, context)
    store.finish_merge(guest_cart.owner, handover, guest_cart.version)
    return MergeResult(view, strategy, len(plan.lines), plan.capped, plan.skipped)


def _apply(
    guest_cart: Cart, user: CartOwner, strategy: Strategy, context: ChangeContext
) -> tuple[CartView, MergePlan]:
    """Write the lines once; the plan is empty where that was done before."""
    token = merge_token(guest_cart.id, guest_cart.version)
    limits = MergeLimits(settings.CART_MAX_LINES, settings.CART_MAX_UNITS_PER_LINE)
    for _ in range(_ATTEMPTS):
        user_cart = read_cart(user)
        offers = read_offers(sku_ids=[*user_cart.sku_ids, *guest_cart.sku_ids], buyer=user.key)
        if token in user_cart.merged:
            return view_cart(user_cart, offers), MergePlan()
        plan = plan_merge(
            user=user_cart, guest=guest_cart, offers=offers, strategy=strategy, limits=limits
        )
        if not plan.lines:
            return view_cart(user_cart, offers), plan
        pinned = ChangeContext(
            source="merge",
            actor=context.actor,
            request_id=context.request_id,
            expected_versions=frozenset({user_cart.version}),
        )
        terms = start_terms(user_cart, pinned)
        outcome = store.apply_merge(user, terms, token=token, lines=plan.lines)
        if outcome.status == "done" and outcome.cart is not None:
            return view_cart(outcome.cart, offers), plan
    raise CartContended
