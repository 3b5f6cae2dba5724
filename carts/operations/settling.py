"""What an order takes out of the cart it was bought from: exactly the bought units, exactly once.

1. The order's own transaction notes down what must leave (`purchasing.schedule_settlement`).
2. After it has committed, one script takes that out of the living cart, which remembers the order
   by a mark (`settle_order`).
3. The cart is saved, mark and all, and the note is removed.

What a crash left undone is done by calling `settle_order` again, any number of times. If the hash
is lost meanwhile, the cart comes back without the noted units, and with the mark.
"""

from datetime import datetime

from carts.attempts import Overtaken, attempt_until_done
from carts.domain.cart import Cart, CartOwner
from carts.domain.settling import Purchase, take_purchases
from carts.live import store
from carts.live.keys import settlement_token
from carts.live.store import ChangeContext
from carts.models import PendingSettlement
from carts.operations.reading import read_cart
from carts.permanent.saving import save_cart


def settle_order(*, order_id: str, context: ChangeContext) -> bool:
    """Take what an order bought out of its cart, and save the cart; does nothing the second time.

    Return whether the order is settled now. It cannot be settled while the cart is being merged
    into another: call this again later, as after an error.

    Units added since stay, and a line with fewer units than were bought goes as a whole. A cart
    whose last line goes ends as CHECKEDOUT. If the owner has another cart by now, that one is left
    alone. `context.source` is for the change log ("order"); its limits and versions are not used.

    Raises CartStoreUnavailable (CartContended among it) and OperationalError.
    """
    pending = PendingSettlement.objects.filter(pk=order_id).first()
    if pending is None:
        return True
    owner, token = CartOwner.parse(pending.owner), settlement_token(order_id)

    def attempt() -> bool:
        cart = read_cart(owner)
        if cart.handover is not None:
            # Its lines are on their way into a user's cart, and must not change on the way.
            return False
        if cart.id == pending.cart_id and cart.exists and token not in cart.settled:
            # A cart keeps the marks of its last orders only, and may have lost this order's. Then
            # the note is gone as well: while it lasts, the owner can place no other order.
            if is_settled(order_id):
                return True
            pinned = context.pinned_to(cart.version)
            store.take_lines(cart, pinned, token=token, units=pending.units)
        saved = save_cart(owner=owner, source="order")
        # The hash may have been lost between the two steps above: then the units are still there.
        if not cart.exists or (saved is not None and _is_without(saved, pending, token)):
            pending.delete()
            return True
        raise Overtaken("the cart was changed, or lost, before it was saved without the units")

    return attempt_until_done(attempt)


def settle_pending(*, owner: CartOwner, context: ChangeContext) -> None:
    """Settle all orders of an owner that are not settled yet, oldest first; one query if none are.

    Raises what `settle_order` raises.
    """
    waiting = PendingSettlement.objects.filter(owner=owner.key).order_by("created_at", "order_id")
    for order_id in list(waiting.values_list("pk", flat=True)):
        settle_order(order_id=order_id, context=context)


def list_unsettled(*, before: datetime) -> list[str]:
    """Return the orders from before this moment that are still to be settled, oldest first."""
    waiting = PendingSettlement.objects.filter(created_at__lt=before)
    return list(waiting.order_by("created_at", "order_id").values_list("pk", flat=True))


def is_settled(order_id: str) -> bool:
    """Tell whether all that the order bought has left its cart."""
    return not PendingSettlement.objects.filter(pk=order_id).exists()


def leave_out_pending(cart: Cart) -> Cart:
    """Return the cart without the units that orders bought and that are still in it; one query."""
    waiting = PendingSettlement.objects.filter(owner=cart.owner.key, cart_id=cart.id)
    purchases = [
        Purchase(settlement_token(pending.pk), pending.units)
        for pending in waiting.order_by("created_at", "order_id")
    ]
    return take_purchases(cart, purchases)


def _is_without(saved: Cart, pending: PendingSettlement, token: str) -> bool:
    """Tell whether the saved cart is without the units, or is not the one they were bought from."""
    return token in saved.settled or saved.id != pending.cart_id
