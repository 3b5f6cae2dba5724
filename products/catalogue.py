"""Read from the catalogue, without any cache, what each SKU costs and whether it can be bought.

This is the hottest query of the whole system, hence raw SQL.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from psycopg.pq import Format

from products.bounds import is_id
from products.offers import Offer, Snapshot


def read_offers(
    *, sku_ids: Collection[str], product_ids: Collection[str] = (), buyer: str
) -> dict[str, Offer]:
    """Return the offers of these SKUs and of every SKU of these products, by SKU id, in one query.

    `buyer` is the key of `products.stock`: "user:<id>" or "guest:<id>". Unknown ids are left out;
    deleted and inactive SKUs are included and say so. Raises OperationalError when the database
    cannot be reached.
    """
    skus, products = _join(sku_ids), _join(product_ids)
    if not products:
        rows = _fetch(_OFFERS_OF_SKUS, (buyer, skus)) if skus else []
    else:
        rows = _fetch(_OFFERS_OF_SKUS_AND_PRODUCTS, (buyer, skus, products))
    return {row[0]: Offer._make(row) for row in rows}


def read_snapshots(revisions: Collection[int]) -> Mapping[int, Snapshot]:
    """Return the snapshots of these revision numbers, in one query; unknown ones are left out."""
    if not revisions:
        return {}
    rows = _fetch(_SNAPSHOTS, (list(revisions),))
    return {number: Snapshot(name, image, cents) for number, name, image, cents in rows}


_IDS = re.compile("[A-Za-z0-9-]{1,64}(?:,[A-Za-z0-9-]{1,64})*")

# The columns stand in the order of Offer's fields.
# Triggers copy what is shown of the product and its merchant into the SKU's row: joining their
# tables would double the work.
# The tally is a subquery, so that PostgreSQL looks it up for limited SKUs only.
# The ids come as one text, because the driver takes longer to write an array than to read the rows.
# A subquery hides the ids from the planner. If the planner saw only a few, its saved plan for ten
# ids would seem too expensive. It would plan anew each time, which doubles the cost.
_OFFERS = """
SELECT s.id, s.product_id, s.code, s.attributes::text, (s.price * 100)::bigint,
       (s.original_price * 100)::bigint, CASE WHEN s.tracks_stock THEN s.stock END,
       s.purchase_limit,
       CASE WHEN s.purchase_limit IS NULL THEN 0 ELSE coalesce(
           (SELECT t.units FROM products_purchasetally t WHERE t.sku_id = s.id AND t.buyer = %s), 0
       ) END,
       s.revision, s.card, s.product_status, s.is_deleted OR s.product_is_deleted, s.is_active
FROM products_sku s
"""
_OFFERS_OF_SKUS = _OFFERS + "WHERE s.id = ANY((SELECT string_to_array(%s, ','))::text[])"
_OFFERS_OF_SKUS_AND_PRODUCTS = (
    _OFFERS_OF_SKUS + " OR s.product_id = ANY((SELECT string_to_array(%s, ','))::text[])"
)
_SNAPSHOTS = """
SELECT id, name, image, (price * 100)::bigint FROM products_skurevision
WHERE id = ANY(%s::bigint[])
"""


def _join(ids: Collection[str]) -> str:
    """Join ids by commas, without those that cannot be ids; the driver refuses to send a NUL."""
    text = ",".join(ids)
    return text if _IDS.fullmatch(text) else ",".join(filter(is_id, ids))


def _fetch(sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Run one query, and run it again where the connection was dead.

    Connections are kept for ever and not probed before use, so after a restart of the server the
    first query fails.
    """
    try:
        return _run(sql, parameters)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or not _is_dead():
            raise
        connection.close()
    return _run(sql, parameters)


def _run(sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        # Numbers then come in binary and not as digits, which saves the driver a third of its work.
        cursor.cursor.format = Format.BINARY
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _is_dead() -> bool:
    return connection.connection is not None and connection.connection.closed
