"""Holding SKUs: what is read of them then stays true until the transaction ends."""

from collections.abc import Collection

from products.catalogue import Offer, read_offers
from products.models import Sku


def hold_offers(*, sku_ids: Collection[str], buyer: str) -> dict[str, Offer]:
    """Lock SKUs in id order, as `products.stock` does, and return their offers as they are then.

    Costs two queries. Must run in a transaction. Whoever changes a SKU, and by a trigger whoever
    changes a product or renames a merchant, waits for its end.
    """
    locked = Sku.objects.select_for_update(no_key=True).filter(id__in=list(sku_ids)).order_by("id")
    list(locked.values_list("id"))
    # A query of its own: one which had to wait for the locks would see the tallies as they were
    # before it did.
    return read_offers(sku_ids=sku_ids, buyer=buyer)
