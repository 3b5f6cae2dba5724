"""The catalogue as carts see it: what each SKU costs and whether it can be bought, right now.

Reading it is the hottest query of the whole system, hence raw SQL, and tuples in place of
dataclasses: a frozen dataclass of this size takes ten times as long to build.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson
from django.db import InterfaceError, OperationalError, connection
from psycopg.pq import Format


class Offer(NamedTuple):
    """One SKU as it stands in the catalogue, read without any cache.

    Money is in cents. `attributes_json` is JSON text; `card_json` are the members of a JSON object
    that shows the product: its id, name, description, images, status and merchant. `bought` is how
    many units this buyer has in orders that are not cancelled (0 without a limit).
    """

    sku_id: str
    product_id: str
    code: str
    attributes_json: str
    price_cents: int
    original_price_cents: int | None
    stock: int
    purchase_limit: int | None
    bought: int
    revision: int
    card_json: str
    status: int
    is_deleted: bool
    is_active: bool

    def read_card(self) -> "Card":
        """Return what the card says: about 2 microseconds."""
        members = orjson.loads(f"{{{self.card_json}}}")
        merchant = members["merchant"]
        # A constraint says the same; a cart must not fail over a row that came before it.
        images = [image for image in members["images"] if isinstance(image, str)]
        return Card(
            name=members["name"],
            image=images[0] if images else "",
            merchant_id=merchant["id"],
            merchant_name=merchant["name"],
        )


class Card(NamedTuple):
    """What is shown of a SKU's product, and who sells it. `image` is its first one, or ""."""

    name: str
    image: str
    merchant_id: str
    merchant_name: str


class Snapshot(NamedTuple):
    """What a SKU was at one revision: shown when it cannot be bought, and to tell price changes."""

    name: str
    image: str
    price_cents: int


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


# The columns stand in the order of Offer's fields. All but the tally are in the SKU's own row: what
# is shown of the product and its merchant is copied there by triggers, because looking it up would
# double the work. The tally is a subquery so that it is looked up for limited SKUs only. The ids
# come as one text, because the driver takes longer to write an array than to read the rows. They
# are hidden from the planner in a subquery: seeing an array of a few ids, it would take its plan
# for ten to be worse, and plan anew each time, which doubles the cost.
_OFFERS = """
SELECT s.id, s.product_id, s.code, s.attributes::text, (s.price * 100)::bigint,
       (s.original_price * 100)::bigint, s.stock, s.purchase_limit,
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
    """Join ids by commas, without those the driver refuses to send, such as NUL."""
    text = ",".join(ids)
    return text if text.isprintable() else ",".join(filter(str.isprintable, ids))


def _fetch(sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Run one query, a second time where the connection turned out to be a dead one.

    Connections are kept for ever and not probed before use, so the first query after a restart
    of the server finds that out.
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
        # Numbers then come as they are, not as digits: a third less work for the driver.
        cursor.cursor.format = Format.BINARY
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _is_dead() -> bool:
    return connection.connection is not None and connection.connection.closed
