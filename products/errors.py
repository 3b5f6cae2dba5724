"""What can go wrong with the catalogue, for reasons a caller must reckon with."""

from dataclasses import dataclass
from typing import ClassVar

from config.errors import ServiceError


@dataclass(eq=False)
class ProductNotFound(ServiceError):
    """The storefront shows no product of this id: unknown, off shelf, deleted, or without SKU."""

    code: ClassVar[str] = "not_found"
    message: ClassVar[str] = "Product not found"


@dataclass(eq=False)
class EntriesFailed(ServiceError):
    """Some entries of a bulk call could not be written; the others were."""

    code: ClassVar[str] = "batch_failed"
    message: ClassVar[str] = "Failed to write some entries"

    failed_count: int
    success_count: int

    def __str__(self) -> str:
        return f"Failed to write {self.failed_count} entries"


@dataclass(eq=False)
class StockTooLow(Exception):
    """Fewer units are `available` than were `requested`; an unknown SKU has none."""

    sku_id: str
    available: int
    requested: int


@dataclass(eq=False)
class AllowanceTooLow(Exception):
    """With the units `bought` before, those `requested` take the buyer over the SKU's `limit`."""

    sku_id: str
    limit: int
    bought: int
    requested: int


@dataclass(eq=False)
class StockMoved(Exception):
    """A count was taken while there were `expected` units, and now there are `available`."""

    expected: int
    available: int


@dataclass(eq=False)
class StockTooHigh(Exception):
    """The staff would set a stock above the `most` they may."""

    most: int
