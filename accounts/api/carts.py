"""The user's cart at sign-in, where it takes in the guest's, and at sign-out: it is saved."""

import logging
from traceback import format_tb
from typing import Any

from django.conf import settings

from carts.api.presentation import present_cart, present_merge
from carts.domain.cart import CartOwner, parse_guest_id
from carts.operations import ChangeContext, get_cart, merge_carts, save_cart
from config.errors import ServiceError
from config.http.recording import current_request_id

logger = logging.getLogger(__name__)


def merge_at_sign_in(*, user_id: str, guest_id: str | None) -> dict[str, Any]:
    """Merge the guest's cart and orders, if a guest is named, into the user's, and save the cart.

    Return what the sign-in answers of them: `cart`, None where it cannot be read just now, and
    `merge`, None where no guest was named. `guest_id` is as it was sent. Nothing is raised, because
    neither a bad id nor trouble with carts may keep a user from signing in. What could not be
    merged waits for the next sign-in or merge.
    """
    user = CartOwner.for_user(user_id)
    merged = _merge(user, guest_id) if guest_id else {"cart": _read_cart(user), "merge": None}
    save_user_cart(user_id=user_id)
    return merged


def save_user_cart(*, user_id: str) -> None:
    """Save the user's cart now. Nothing is raised: what fails is saved with the next batch."""
    user = CartOwner.for_user(user_id)
    try:
        save_cart(owner=user, source="request")
    except Exception as error:  # noqa: BLE001
        _log_failure("not saved", user, error)


def _merge(user: CartOwner, guest_id: str) -> dict[str, Any]:
    context = ChangeContext(source="merge", request_id=current_request_id())
    try:
        guest = CartOwner.for_guest(parse_guest_id(guest_id))
        result = merge_carts(guest=guest, user=user, strategy=None, context=context)
        return {"cart": present_cart(result.view).data, "merge": present_merge(result)}
    except Exception as error:  # noqa: BLE001
        _log_failure("not merged", user, error)
        return {"cart": _read_cart(user), "merge": _present_skipped(error)}


def _present_skipped(error: Exception) -> dict[str, Any]:
    """Return the report of a merge that was not made, with why in `skippedReason`."""
    reason = error.code if isinstance(error, ServiceError) else "internal_error"
    nothing: dict[str, Any] = {"mergedItems": 0, "capped": [], "skipped": []}
    return {"strategy": settings.CART_MERGE_STRATEGY, **nothing, "skippedReason": reason}


def _read_cart(user: CartOwner) -> dict[str, Any] | None:
    try:
        return present_cart(get_cart(owner=user)).data
    except Exception as error:  # noqa: BLE001
        _log_failure("not read", user, error)
        return None


def _log_failure(what: str, user: CartOwner, error: Exception) -> None:
    """Log a failure, if it is a bug with where it happened.

    The text of an unexpected error is left out: it may hold a guest's id.
    """
    if isinstance(error, ServiceError):
        logger.warning("cart of user %s %s: %s", user.id, what, error.code)
        return
    where = "".join(format_tb(error.__traceback__))
    logger.error("cart of user %s %s: %s\n%s", user.id, what, type(error).__name__, where)
