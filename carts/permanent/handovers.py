"""Keeping merges from taking a guest's cart in a state that one of the stores has lost."""

from carts.attempts import Overtaken, attempt_until_done
from carts.domain.cart import Cart, CartOwner
from carts.domain.errors import CartContended
from carts.live import care, store
from carts.live.keys import merge_token
from carts.live.store import ChangeContext
from carts.permanent.copies import has_merged
from carts.permanent.restoring import restore_cart

_REPAIR = ChangeContext(source="repair")


def withdraw(cart: Cart) -> bool:
    """Keep every merge from taking this state of a guest's cart; return False where one has.

    The user's cart keeps a mark of it, as it does of a merge: whichever comes first counts. It may
    be repeated. A cart that is not handed over needs no mark.

    Raises CartContended where the user's cart keeps changing or cannot be read,
    CartStoreUnavailable, OperationalError; then the mark may have been made or not.
    """
    if cart.handover is None:
        return True
    user, token = CartOwner.for_user(cart.handover.user_id), merge_token(cart.id, cart.version)
    if has_merged(user, token):
        return False

    def attempt() -> bool:
        match store.withdraw_merge(_read_user_cart(user), _REPAIR, token=token).status:
            case "done":
                return True
            case "merged":
                return False
        raise Overtaken("the user's cart was lost or replaced")

    return attempt_until_done(attempt)


def _read_user_cart(user: CartOwner) -> Cart:
    """Return the cart in the hash, or the one that was restored, or one that does not exist yet."""
    # Not by `open_cart`: a user who may not change their cart any more may have been handed one.
    state = care.look_at(user)
    if state is None:
        return restore_cart(user)
    if state.found is None:
        raise CartContended
    return state.found.cart
