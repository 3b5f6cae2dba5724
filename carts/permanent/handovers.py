"""Keeping merges from taking a guest's cart in a state that one of the stores has lost."""

from carts.attempts import Overtaken, attempt_until_done
from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartContended
from carts.live import care, store
from carts.live.keys import derive_cart_id, merge_token
from carts.live.store import ChangeTerms
from carts.permanent.copies import has_merged
from carts.permanent.restoring import Restored, restore_cart


def withdraw(cart: Cart) -> bool:
    """Keep every merge from taking this state of a guest's cart; return False where one has.

    The user's cart remembers it like the marks of merges: whichever comes first counts. May be
    repeated. A cart that is not handed over needs nothing.

    Raises CartContended where the user's cart keeps changing or cannot be read,
    CartStoreUnavailable, OperationalError; whether it is withdrawn is unknown then.
    """
    if cart.handover is None:
        return True
    user, token = CartOwner.for_user(cart.handover.user_id), merge_token(cart.id, cart.version)
    if has_merged(user, token):
        return False

    def attempt() -> bool:
        match store.withdraw_merge(user, _choose_terms(user), token=token).status:
            case "done":
                return True
            case "merged":
                return False
        raise Overtaken("the user's cart was lost or replaced")

    return attempt_until_done(attempt)


def _choose_terms(user: CartOwner) -> ChangeTerms:
    """Return the terms of a change to the user's cart, whether it lives, comes back or begins."""
    # Not by `open_cart`: a user who may not change their cart any more may have been handed one.
    state = care.look_at(user)
    if state is None:
        restored = restore_cart(user)
    elif state.found is None:
        raise CartContended
    else:
        restored = Restored(state.found.cart)
    return ChangeTerms(
        seen_id=restored.cart.id if restored.cart else "",
        fresh_id="" if restored.cart else derive_cart_id(user, restored.previous_id),
        source="repair",
        actor="",
        request_id="-",
    )
