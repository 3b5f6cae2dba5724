"""From JSON bodies to typed values, strictly: no coercion, and nothing done before all is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings

from carts.domain.cart import Addition, Update
from carts.domain.errors import (
    CartError,
    InvalidBatch,
    InvalidProductOrQuantity,
    InvalidQuantity,
    InvalidSelection,
    InvalidStrategy,
    InvalidUpdate,
    ProductIdRequired,
)
from carts.domain.merging import STRATEGIES, Strategy

T = TypeVar("T")


def read_addition(body: Mapping[str, Any]) -> Addition:
    """Return the addition; raises ProductIdRequired, InvalidQuantity, InvalidProductOrQuantity."""
    product_id = body.get("productId")
    if product_id is None or product_id == "":
        raise ProductIdRequired
    sku_id = body.get("skuId")
    selected = body.get("selected")
    if not isinstance(product_id, str) or not isinstance(sku_id, str | None):
        raise InvalidProductOrQuantity
    if not isinstance(selected, bool | None):
        raise InvalidProductOrQuantity
    return Addition(product_id, _read_quantity(body.get("quantity")), sku_id or None, selected)


def read_update(item_id: str, body: Mapping[str, Any]) -> Update:
    """Return the update; raises InvalidUpdate, InvalidQuantity, InvalidProductOrQuantity."""
    if "quantity" not in body and "selected" not in body:
        raise InvalidUpdate
    quantity = _read_quantity(body["quantity"]) if "quantity" in body else None
    selected = body.get("selected")
    if "selected" in body and not isinstance(selected, bool):
        raise InvalidUpdate
    return Update(item_id, quantity, selected)


def read_additions(body: Mapping[str, Any]) -> list[Addition | CartError]:
    """Return the entries of `items`, or what is wrong with each; raises InvalidBatch."""
    return [_attempt(read_addition, entry) for entry in _read_batch(body.get("items"), "items")]


def read_updates(body: Mapping[str, Any]) -> list[Update | CartError]:
    """Return the entries of `items` or `list`, or what is wrong with each; raises InvalidBatch."""
    entries = _read_batch(find_updates(body), "items")
    for entry in entries:
        if not isinstance(entry.get("itemId"), str):
            raise _invalid_batch("Every entry needs an itemId")
    return [_attempt(lambda e: read_update(e["itemId"], e), entry) for entry in entries]


def find_updates(body: Mapping[str, Any]) -> Any:
    """Return the entries of a bulk update under the name the client gave them, not yet read."""
    return body.get("items", body.get("list"))


def read_item_ids(body: Mapping[str, Any]) -> list[str]:
    """Return `itemIds`; raises InvalidBatch."""
    ids = _read_array(body.get("itemIds"), "itemIds")
    if not all(isinstance(item_id, str) for item_id in ids):
        raise _invalid_batch("itemIds must be strings")
    return ids


def read_optional_item_ids(body: Mapping[str, Any]) -> list[str] | None:
    """Return `itemIds`, or None where it is left out."""
    return None if body.get("itemIds") is None else read_item_ids(body)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines to select or deselect: some lines, one merchant's, or with neither, all."""

    selected: bool
    item_ids: list[str] | None = None
    merchant_id: str | None = None

    def update_of(self, item_id: str) -> Update:
        return Update(item_id, selected=self.selected)


def read_selection(body: Mapping[str, Any]) -> Selection:
    """Return what to select; raises InvalidSelection, InvalidBatch."""
    selected, merchant_id = body.get("selected"), body.get("merchantId")
    if not isinstance(selected, bool):
        raise InvalidSelection
    if body.get("itemIds") is not None:
        return Selection(selected, item_ids=read_item_ids(body))
    if isinstance(merchant_id, str) and merchant_id:
        return Selection(selected, merchant_id=merchant_id)
    if body.get("all") is True:
        return Selection(selected)
    raise InvalidSelection


def read_strategy(body: Mapping[str, Any]) -> Strategy | None:
    """Return the merge strategy, None where it is left out; raises InvalidStrategy."""
    strategy = body.get("strategy")
    if strategy is None:
        return None
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise InvalidStrategy
    return strategy  # type: ignore[return-value]


def _read_quantity(value: Any) -> int:
    # In Python a bool is an int, but true is no quantity.
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidProductOrQuantity
    if value <= 0:
        raise InvalidQuantity
    if value > settings.CART_MAX_UNITS_PER_LINE:
        raise InvalidProductOrQuantity
    return value


def _read_batch(value: Any, name: str) -> list[Mapping[str, Any]]:
    entries = _read_array(value, name)
    if not all(isinstance(entry, dict) for entry in entries):
        raise _invalid_batch(f"{name} must hold objects")
    return entries


def _read_array(value: Any, name: str) -> list[Any]:
    most = settings.CART_MAX_BATCH
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise _invalid_batch(f"{name} must be an array of 1 to {most} entries")
    return value


def _invalid_batch(reason: str) -> InvalidBatch:
    return InvalidBatch(max_entries=settings.CART_MAX_BATCH, reason=reason)


def _attempt(read: Callable[[Mapping[str, Any]], T], entry: Mapping[str, Any]) -> T | CartError:
    try:
        return read(entry)
    except CartError as refusal:
        return refusal
