"""What the catalogue says of a SKU: plain values, without a store or a framework.

They are tuples because a cart needs one for each line, and a frozen dataclass of this size takes
ten times as long to build.
"""

from typing import NamedTuple

import orjson


class Offer(NamedTuple):
    """One SKU as it stands in the catalogue, read without any cache.

    Money is in cents. `attributes_json` is JSON text; `card_json` are the members of a JSON object
    that shows the product: its id, name, description, images, status and merchant. `bought` is how
    many units this buyer has in orders that are not cancelled (0 without a limit). `stock` is None
    where it is not tracked: the SKU is never out of stock then.
    """

    sku_id: str
    product_id: str
    code: str
    attributes_json: str
    price_cents: int
    original_price_cents: int | None
    stock: int | None
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
        # A constraint says the same, but a cart must not fail over a row older than the constraint.
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
