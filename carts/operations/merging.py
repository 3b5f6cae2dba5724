"""Merging a guest's cart into a user's, exactly once.

Two carts are two keys, maybe on two machines, so a merge takes three steps, each safe to repeat:

1. Hand the guest's cart over to the user. From here on it takes no change. Whatever else is the
   guest's, such as orders, becomes the user's (`register_claim`).
2. Write its lines into the user's cart, which remembers this guest cart by a token.
3. Empty the guest's cart.

A merge that stops between two steps is finished by the next merge, by the next change the guest
makes, or by the sweep.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, cast

from django.conf import settings

from carts.attempts import Overtaken, attempt_from, attempt_until_done
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
from carts.jobs import do_each, register_job
from carts.live import bulk, care, store
from carts.live.keys import merge_token, name_openly, shard_prefixes
from carts.live.records import LiveRecords
from carts.live.store import ChangeContext
from carts.operations.reading import CartView, read_cart, view_cart
from carts.operations.settling import leave_out_pending, settle_pending
from carts.permanent.copies import find_handed_over, has_merged
from carts.permanent.erasing import find_orphans
from carts.permanent.saving import save_cart
from products.catalogue import read_offers
from products.offers import Offer

_FINISH = register_job("finish_merges")


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The user's cart after a merge, and what the merge did.

    `merged_items` counts lines, `orders_claimed` orders.
    """

    view: CartView
    strategy: Strategy
    merged_items: int = 0
    capped: tuple[CappedLine, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()
    orders_claimed: int = 0


class Claim(Protocol):
    """Gives the user what the guest has besides the cart; returns how many things.

    May be called again, and for a guest who has nothing.
    """

    def __call__(self, *, guest: CartOwner, user: CartOwner) -> int: ...


_claims: list[Claim] = []


def register_claim(claim: Claim) -> Claim:
    """Have every merge call this function; a decorator, by which apps above carts take part."""
    _claims.append(claim)
    return claim


def merge_carts(
    *, guest: CartOwner, user: CartOwner, strategy: Strategy | None, context: ChangeContext
) -> MergeResult:
    """Move the guest's lines into the user's cart, and give the user what else is the guest's.

    A guest who has nothing changes nothing. `strategy` None takes the one of the settings. Raises
    RateLimited, AccessEnded, CartChanged, CallRepeatedError, CartStoreUnavailable,
    OperationalError; the merge is then finished later, or never began.
    """
    chosen = strategy or cast(Strategy, settings.CART_MERGE_STRATEGY)
    user_cart = read_cart(user, charges=context.charges, call=context.call)
    # Checked before any script: once the guest's cart is handed over, a refusal is too late.
    context.require_version(user_cart)
    # A merge of nothing writes no change, so no script can record the call.
    if context.call is not None:
        LiveRecords(user).begin(context.call)
    # What the guest bought must not come along.
    settle_pending(owner=guest, context=context)

    def attempt(user_cart: Cart) -> MergeResult:
        outcome = store.begin_merge(guest, Handover(user.id, chosen))
        match outcome.status:
            case "done" if outcome.cart is not None:
                return _take_over(outcome.cart, user_cart, context)
            case "taken" if outcome.cart is not None:
                require_unmerged(outcome.cart, context)
            case "absent" if read_cart(guest).exists:
                raise Overtaken("the guest's cart was lost")
        return _merge_nothing(guest, user_cart, chosen)

    return attempt_from(user_cart, attempt, read=partial(read_cart, user))


def preview_merge(*, guest: CartOwner, user: CartOwner, strategy: Strategy) -> MergePlan:
    """Return what a merge would do now. Raises CartStoreUnavailable."""
    guest_cart = leave_out_pending(read_cart(guest))
    user_cart = read_cart(user)
    offers = read_offers(sku_ids=[*user_cart.sku_ids, *guest_cart.sku_ids], buyer=user.key)
    return _plan(guest_cart, user_cart, offers, strategy)


def finish_handover(guest_cart: Cart, context: ChangeContext) -> None:
    """Finish the merge of a guest's cart, if the cart is still handed over.

    Raises CartStoreUnavailable (CartContended among it), OperationalError.
    """

    def attempt(guest_cart: Cart) -> None:
        if guest_cart.handover is None:
            return
        user = CartOwner.for_user(guest_cart.handover.user_id)
        if find_orphans([user]):
            # The user is gone. The lines were the user's already, and are erased with the rest.
            _empty(guest_cart, context, capped=0)
            raise Overtaken("the guest's cart was emptied")
        _take_over(guest_cart, read_cart(user), context)

    attempt_from(guest_cart, attempt, read=partial(read_cart, guest_cart.owner))


def require_unmerged(cart: Cart, context: ChangeContext) -> None:
    """If a cart is handed over, finish its merge and raise Overtaken; else do nothing."""
    if cart.handover is not None:
        finish_handover(cart, context)
        raise Overtaken("the cart was being merged into another")


def finish_stalled_merges(*, begun_before: datetime) -> int:
    """Finish merges that were begun before this moment and not finished; return how many.

    A merge that cannot be finished now is left for the next time. Raises CartStoreUnavailable,
    OperationalError.
    """

    def finish(guest: CartOwner) -> bool:
        guest_cart = read_cart(guest)
        finish_handover(guest_cart, ChangeContext(source="merge"))
        care.forget_merge(guest)
        return guest_cart.handover is not None

    return do_each(_FINISH, _find_stalled(begun_before), finish, name=name_openly)


def _find_stalled(begun_before: datetime) -> set[CartOwner]:
    """Return guests with a merge begun: by the live store, and by the copies in case it is lost."""
    guests = set(find_handed_over(saved_before=begun_before))
    for prefix in shard_prefixes():
        guests.update(bulk.list_merging(prefix, begun_before=begun_before))
    return guests


def _merge_nothing(guest: CartOwner, user_cart: Cart, strategy: Strategy) -> MergeResult:
    """Give the user what the guest has besides the cart, because the cart has no lines."""
    claimed = _claim_all(guest, user_cart.owner)
    return MergeResult(view_cart(user_cart, {}), strategy, orders_claimed=claimed)


def _take_over(guest_cart: Cart, user_cart: Cart, context: ChangeContext) -> MergeResult:
    """Take over the lines of a handed over cart; raises Overtaken if it was changed since."""
    handover = cast(Handover, guest_cart.handover)
    strategy = cast(Strategy, handover.strategy)
    # The order of the saves keeps a merge exact even if both hashes are lost: the guest's copy is
    # handed over before the user's copy has the lines, and emptied after that.
    if _save_surely(guest_cart.owner) != guest_cart:
        raise Overtaken("the guest's cart was changed, or lost, after it was handed over")
    # The handover is saved, so no order can sell from the guest's cart any more. An order that did
    # so before has noted what it bought, and those units must not come along either.
    guest_cart = leave_out_pending(guest_cart)
    # Orders come before lines, because their units count against the allowance of the lines.
    claimed = _claim_all(guest_cart.owner, user_cart.owner)
    token = merge_token(guest_cart.id, guest_cart.version)
    applied = _apply(guest_cart, user_cart, strategy, token, context)
    if applied is None:
        store.begin_merge(guest_cart.owner, handover, withdrawn_version=guest_cart.version)
        raise Overtaken("the merge was withdrawn")
    view, plan = applied
    if token in view.cart.merged and token not in _save_surely(user_cart.owner).merged:
        raise CartContended
    _empty(guest_cart, context, capped=len(plan.capped))
    return MergeResult(view, strategy, len(plan.lines), plan.capped, plan.skipped, claimed)


def _empty(guest_cart: Cart, context: ChangeContext, *, capped: int) -> None:
    """Take the lines out of a cart, if it is still handed over."""
    handover = cast(Handover, guest_cart.handover)
    pinned = _pin(context, guest_cart, actor=handover.user_id)
    store.finish_merge(guest_cart, pinned, handover, capped=capped)


def _claim_all(guest: CartOwner, user: CartOwner) -> int:
    return sum(claim(guest=guest, user=user) for claim in _claims)


def _save_surely(owner: CartOwner) -> Cart:
    """Save a cart and return it as it is saved now.

    If two savers save a cart for the first time at once, one of them writes nothing; then this
    saves again. Raises CartContended.
    """

    def attempt() -> Cart:
        saved = save_cart(owner=owner, source="merge")
        if saved is None:
            raise Overtaken("the cart was first saved by another")
        return saved

    return attempt_until_done(attempt)


def _apply(
    guest_cart: Cart, user_cart: Cart, strategy: Strategy, token: str, context: ChangeContext
) -> tuple[CartView, MergePlan] | None:
    """Write the lines once, and return the user's cart and what was planned for it.

    The plan is empty if the lines were written before. Returns None if this merge was withdrawn.
    The script takes the lines only for the version that they were planned for.
    """
    user = user_cart.owner

    def attempt(user_cart: Cart) -> tuple[CartView, MergePlan] | None:
        offers = read_offers(sku_ids=[*user_cart.sku_ids, *guest_cart.sku_ids], buyer=user.key)
        if token in user_cart.merged or has_merged(user, token):
            return view_cart(user_cart, offers), MergePlan()
        plan = _plan(guest_cart, user_cart, offers, strategy)
        if not plan.lines:
            return view_cart(user_cart, offers), plan
        pinned = _pin(context, user_cart)
        outcome = store.apply_merge(user_cart, pinned, token=token, lines=plan.lines)
        if outcome.status == "done" and outcome.cart is not None:
            return view_cart(outcome.cart, offers), plan
        if outcome.status == "withdrawn":
            return None
        raise Overtaken("the user's cart has changed since its lines were planned")

    return attempt_from(user_cart, attempt, read=partial(read_cart, user))


def _plan(
    guest_cart: Cart, user_cart: Cart, offers: Mapping[str, Offer], strategy: Strategy
) -> MergePlan:
    limits = MergeLimits(settings.CART_MAX_LINES, settings.CART_MAX_UNITS_PER_LINE)
    return plan_merge(
        user=user_cart, guest=guest_cart, offers=offers, strategy=strategy, limits=limits
    )


def _pin(context: ChangeContext, cart: Cart, *, actor: str = "") -> ChangeContext:
    """Return the context of a step of a merge. The log shows the staff's merges as the staff's."""
    source = context.source if context.source == "admin" else "merge"
    return replace(context, source=source, actor=context.actor or actor).pinned_to(cart.version)
