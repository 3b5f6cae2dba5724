"""Holding SKUs: what is read of them then stays true until the transaction ends."""

from collections.abc import Collection

from products.catalogue import Offer, read_offers
from products.models import Sku


def hold_offers(*, sku_ids: Collection[str], buyer: str) -> dict[str, Offer]:
    """Lock SKUs in id order, as `products.stock` does, and return their offers as they are then.

    Costs two queries. Must run in a transaction. A price, a name, a limit or the stock can change
    only after its end. A product may still be taken off shelf between the reading and the end, as
    its row is not locked: bulk changes of products would deadlock with sales.
    """
    locked = Sku.objects.select_for_update(no_key=True).filter(id__in=list(sku_ids)).order_by("id")
    # The offers take a query of their own: one that had to wait would see the tallies as they
    # were before.
    list(locked.values_list("id"))
    return read_offers(sku_ids=sku_ids, buyer=buyer)
