"""Goods from elsewhere, in one form: every way in hands these entries to `intake`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MerchantEntry:
    """Who sells; known by the external id where there is one, else by name."""

    name: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class SkuEntry:
    """A SKU, known by its code. A `stock` of None leaves it as it is, and is 0 for a new SKU."""

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
    """A product, known by its external id, with all or some of its SKUs.

    Without a `merchant`, a product keeps its own; a new one gets that of `Intake`. `translations`
    are as in `products.models.Product`.
    """

    external_id: str
    name: str
    skus: tuple[SkuEntry, ...]
    description: str = ""
    images: tuple[str, ...] = ()
    merchant: MerchantEntry | None = None
    is_on_shelf: bool = True
    translations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


class EntryError(ValueError):
    """An entry cannot be taken in; the text tells its author why."""


@dataclass(frozen=True, slots=True)
class Read:
    """An entry, and the line of the file where it begins, from 1."""

    line: int
    entry: ProductEntry


@dataclass(frozen=True, slots=True)
class Faulty:
    """A part of a file that is no entry, and why; `label` is its name, if it has one."""

    line: int
    reason: str
    label: str = ""
