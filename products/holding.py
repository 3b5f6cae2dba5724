"""Holding rows: what is read of them then stays true until the transaction ends.

Whoever locks several takes them in id order, so that two of them queue up instead of deadlocking.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import QuerySet

from config.stores.database import in_transaction
from products.catalogue import read_offers
from products.models import PurchaseTally, Sku
from products.offers import Offer


def hold_offers(
    *, sku_ids: Collection[str], buyer: str, also: Collection[str] = ()
) -> dict[str, Offer]:
    """Lock SKUs in id order, as `products.stock` does, and return their offers as they are then.

    `bought` is the most that is tallied under any name that the buyer is known by (`also`). Costs
    two queries, and one more for further names. Must run in a transaction. Whoever changes a SKU,
    and by a trigger whoever changes a product or renames a merchant, waits for its end.
    """
    lock_rows(Sku.objects.filter(id__in=list(sku_ids)))
    # A query of its own: one which had to wait for the locks would see the tallies as they were
    # before it did.
    offers = read_offers(sku_ids=sku_ids, buyer=buyer)
    return _count_further(offers, also) if also else offers


def _count_further(offers: Mapping[str, Offer], buyers: Collection[str]) -> dict[str, Offer]:
    limited = [sku_id for sku_id, offer in offers.items() if offer.purchase_limit is not None]
    tallies = PurchaseTally.objects.filter(buyer__in=buyers, sku__in=limited)
    most = dict(tallies.order_by("units").values_list("sku_id", "units"))
    return {
        sku_id: offer._replace(bought=max(offer.bought, most.get(sku_id, 0)))
        for sku_id, offer in offers.items()
    }


@in_transaction
def change_rows(rows: QuerySet[Any], **values: Any) -> None:
    """Give many rows the same values, locked in id order first; three queries.

    An UPDATE alone would lock them as it finds them, and deadlock with a checkout of two of them.
    """
    found = rows.model._default_manager.filter(pk__in=list(rows.values_list("pk", flat=True)))
    lock_rows(found)
    found.update(**values)


def lock_rows(rows: QuerySet[Any]) -> None:
    """Lock rows in id order until the transaction ends, for anything but a change of their ids."""
    locked = rows.select_for_update(no_key=True, of=("self",)).order_by("pk")
    list(locked.values_list("pk"))
