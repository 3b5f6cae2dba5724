"""placeholder of the room's entries (the real one is elsewhere)"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MerchantEntry:
    name: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SkuEntry:
    code: str
    price: Decimal
    external_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    original_price: Decimal | None = None
    stock: int | None = None
    tracks_stock: bool = True
    purchase_limit: int | None = None
    min_quantity: int | None = None
    quantity_step: int | None = None
    barcode: str = ""
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ProductEntry:
    external_id: str
    name: str
    skus: tuple[SkuEntry, ...]
    description: str = ""
    images: tuple[str, ...] = ()
    merchant: MerchantEntry | None = None
    is_on_shelf: bool = True
    translations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
