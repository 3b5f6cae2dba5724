"""What can go wrong with a cart. Codes are part of the API; statuses are in config.http.errors."""

from dataclasses import dataclass
from typing import ClassVar

from config.errors import ServiceError


class CartError(ServiceError):
    """Base of every expected failure of a cart operation."""


class CartStoreUnavailable(CartError):
    """The live store cannot be reached, or did not answer in time: the outcome is unknown."""

    code: ClassVar[str] = "cart_store_unavailable"
    message: ClassVar[str] = "Cart service is temporarily unavailable"


class CartContended(CartStoreUnavailable):
    """The cart changed under every attempt; nothing was done, and a retry is welcome."""


class CartUnreadable(CartStoreUnavailable):
    """The owner's hash is not a cart, and the staff must repair it; nothing was done."""


class AccessEnded(CartError):
    """The token was ended before its time: a new password, a deactivation, a copied token."""

    code: ClassVar[str] = "token_not_valid"
    message: ClassVar[str] = "Token is invalid or expired"


class GuestIdRequired(CartError):
    """Neither a token nor a guest id was sent."""

    code: ClassVar[str] = "guest_id_required"
    message: ClassVar[str] = "Guest ID is required. Please provide X-Guest-ID header"


class InvalidGuestId(CartError):
    """What was sent can be no guest's id."""

    code: ClassVar[str] = "invalid_guest_id"
    message: ClassVar[str] = "Invalid guest ID"


class ProductIdRequired(CartError):
    """An addition without a product."""

    code: ClassVar[str] = "product_id_required"
    message: ClassVar[str] = "Product ID is required"


class InvalidQuantity(CartError):
    """A quantity of zero or less."""

    code: ClassVar[str] = "invalid_quantity"
    message: ClassVar[str] = "Quantity must be greater than 0"


class InvalidProductOrQuantity(CartError):
    """A value of the wrong JSON type, or a quantity over the limit of a line."""

    code: ClassVar[str] = "invalid_product_or_quantity"
    message: ClassVar[str] = "Invalid product ID or quantity"


class InvalidUpdate(CartError):
    """An update that names neither a quantity nor a selection, or has the wrong types."""

    code: ClassVar[str] = "invalid_update"
    message: ClassVar[str] = "Provide quantity or selected"


class InvalidSelection(CartError):
    """A selection must name itemIds, merchantId or all, and say selected."""

    code: ClassVar[str] = "invalid_selection"
    message: ClassVar[str] = "Provide itemIds, merchantId or all, and selected as true or false"


class InvalidStrategy(CartError):
    """An unknown merge strategy."""

    code: ClassVar[str] = "invalid_strategy"
    message: ClassVar[str] = "Strategy must be one of sum, guest_wins, user_wins, max"


@dataclass(eq=False)
class InvalidBatch(CartError):
    """A batch that is not an array of 1 to `max_entries` well-formed entries."""

    code: ClassVar[str] = "invalid_batch"
    message: ClassVar[str] = "Invalid batch"

    max_entries: int
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ProductNotFound(CartError):
    """No such product, or no such SKU of it."""

    code: ClassVar[str] = "product_not_found"
    message: ClassVar[str] = "Failed to add item to cart"

    product_id: str

    def __str__(self) -> str:
        return f"{self.message}: {self.product_id}"


@dataclass(eq=False)
class SkuRequired(CartError):
    """The product has several SKUs, and none was named."""

    code: ClassVar[str] = "sku_required"
    message: ClassVar[str] = "SKU is required"

    sku_ids: list[str]


class ProductNotAvailable(CartError):
    """The product exists, but is off shelf or deleted."""

    code: ClassVar[str] = "product_not_available"
    message: ClassVar[str] = "Product not available"


class CartFull(CartError):
    """The cart already holds as many distinct lines as it may."""

    code: ClassVar[str] = "cart_full"
    message: ClassVar[str] = "Cart is full"


class AccessDenied(CartError):
    """The line belongs to another cart."""

    code: ClassVar[str] = "access_denied"
    message: ClassVar[str] = "Access denied to cart item"


class ItemNotFound(CartError):
    """This cart has no such line."""

    code: ClassVar[str] = "item_not_found"
    message: ClassVar[str] = "Item not found"


class CartNotFound(CartError):
    """A call on a line of a cart that does not exist."""

    code: ClassVar[str] = "cart_not_found"
    message: ClassVar[str] = "Cart not found"


@dataclass(eq=False)
class InsufficientStock(CartError):
    """More units were asked for than there are; all three in units."""

    code: ClassVar[str] = "insufficient_stock"
    message: ClassVar[str] = "Insufficient stock"

    available: int
    in_cart: int
    requested: int


@dataclass(eq=False)
class PurchaseLimitExceeded(CartError):
    """More units than one buyer may have; `remaining` is the limit less what was bought before."""

    code: ClassVar[str] = "purchase_limit_exceeded"
    message: ClassVar[str] = "Purchase limit exceeded"

    limit: int
    remaining: int
    in_cart: int
    requested: int


class CartChanged(CartError):
    """The cart is no longer the one the If-Match of the request names."""

    code: ClassVar[str] = "cart_changed"
    message: ClassVar[str] = "Cart has changed"
