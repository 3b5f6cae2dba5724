"""The demo shop's rows, read from catalogue.toml.

Ids are derived from slugs and codes: they look like any others, and are the same everywhere.
"""

import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

from django.conf import settings

from products.models import Merchant, Product, ShelfStatus, Sku

OPENING_DAY = datetime(2025, 3, 1, tzinfo=UTC)
HOURS_OF_ADDING = 300 * 24

_BASE36 = string.digits + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class DemoCatalogue:
    """Rows not yet in the database. `icons` maps each product's slug to its icon."""

    merchants: Sequence[Merchant]
    products: Sequence[Product]
    skus: Sequence[Sku]
    icons: dict[str, str]


def read_catalogue() -> DemoCatalogue:
    """Return the demo shop as catalogue.toml describes it."""
    path = Path(__file__).parent / "catalogue.toml"
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = content["products"]
    return DemoCatalogue(
        merchants=[_build_merchant(entry) for entry in content["merchants"]],
        products=[_build_product(entry) for entry in entries],
        skus=[_build_sku(entry, sku) for entry in entries for sku in entry["skus"]],
        icons={entry["slug"]: entry["icon"] for entry in entries},
    )


def derive_id(kind: str, name: str) -> str:
    """Return the id of a demo row: 24 characters, the first one a letter, like a cuid."""
    number = _digest(f"{kind}:{name}")
    first = string.ascii_lowercase[number % 26]
    return first + "".join(_BASE36[number // 26 // 36**place % 36] for place in range(23))


def image_path(slug: str) -> str:
    """Return where a product's picture lies among the static files."""
    return f"products/demo/{slug}.svg"


def _build_merchant(entry: dict[str, Any]) -> Merchant:
    return Merchant(
        id=derive_id("merchant", entry["slug"]), name=entry["name"], created_at=OPENING_DAY
    )


def _build_product(entry: dict[str, Any]) -> Product:
    slug = entry["slug"]
    # Spread by the slug, so that the merchants' products mix when the newest come first.
    age = timedelta(hours=_digest(f"age:{slug}") % HOURS_OF_ADDING)
    return Product(
        id=derive_id("product", slug),
        merchant_id=derive_id("merchant", entry["merchant"]),
        name=entry["name"],
        description=entry["description"],
        images=[f"{settings.STATIC_URL}{image_path(slug)}"],
        status=ShelfStatus.OFF if entry.get("off_shelf") else ShelfStatus.ON,
        created_at=OPENING_DAY + age,
    )


def _build_sku(product: dict[str, Any], entry: dict[str, Any]) -> Sku:
    return Sku(
        id=derive_id("sku", entry["code"]),
        product_id=derive_id("product", product["slug"]),
        code=entry["code"],
        attributes=entry.get("attributes", {}),
        price=Decimal(entry["price"]),
        original_price=Decimal(entry["was"]) if "was" in entry else None,
        stock=entry["stock"],
        purchase_limit=entry.get("limit"),
        created_at=OPENING_DAY,
    )


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(f"cartwright demo {text}".encode(), digest_size=20).digest())
