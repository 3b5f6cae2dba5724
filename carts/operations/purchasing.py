"""How an order gets the lines of a cart, and what it leaves to be settled.

An order sells from the permanent copy, because copy and order change in one transaction:

1. Before the transaction, save the cart as it is now (`prepare_purchase`).
2. In it, keep everybody else from changing the copy (`hold_copy`), and note down what was bought
   (`schedule_settlement`).

What was bought leaves the cart afterwards (`carts.operations.settling`).
"""

from collections.abc import Mapping

from carts.attempts import Overtaken
from carts.domain.cart import Cart, CartOwner
from carts.live.store import ChangeContext
from carts.models import Cart as CartModel
from carts.models import CartStatus, PendingSettlement
from carts.operations.merging import require_unmerged
from carts.operations.reading import read_cart
from carts.operations.settling import settle_pending
from carts.permanent.saving import save_cart


def prepare_purchase(*, owner: CartOwner, context: ChangeContext) -> Cart:
    """Settle the owner's earlier orders, save the cart, and return it as it is saved now.

    A cart that does not exist is returned as it is. Raises Overtaken, RateLimited, AccessEnded,
    CartStoreUnavailable, OperationalError.
    """
    settle_pending(owner=owner, context=context)
    cart = read_cart(owner, charges=context.charges)
    require_unmerged(cart, context)
    if not cart.exists:
        return cart
    saved = save_cart(owner=owner, source="order")
    if saved is None:
        raise Overtaken("the cart was first saved by another")
    return saved


def hold_copy(cart: Cart) -> None:
    """Lock a cart's copy until the transaction ends; raises Overtaken unless it is for sale.

    Of two orders from one cart, the second finds that units of the first still wait to leave it,
    or that the cart has a newer version or has ended. A merge saves the handover before it moves
    the lines. So either the merge finds the note of this order, or this call finds the newer
    version. Two queries.
    """
    copies = CartModel.objects.select_for_update(no_key=True).filter(pk=cart.id)
    found = copies.values_list("version", "status").first()
    if found != (cart.version, CartStatus.ACTIVE):
        raise Overtaken("the saved cart was sold, merged or saved anew")
    # A query of its own, which sees what was committed while the first one waited for the lock.
    if PendingSettlement.objects.filter(owner=cart.owner.key).exists():
        raise Overtaken("another order has yet to leave the cart")


def schedule_settlement(
    *, order_id: str, owner: CartOwner, cart_id: str, units: Mapping[str, int]
) -> None:
    """Note down that an order bought these units, by SKU, of the owner's cart with this id.

    Units are at least 1 each. Must run in the transaction that writes the order, and once; the
    cart must have been saved with these lines before. One query.
    """
    PendingSettlement.objects.create(
        order_id=order_id, owner=owner.key, cart_id=cart_id, units=dict(units)
    )
