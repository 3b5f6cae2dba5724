"""Read the JSON of a product, from service keys or JSON Lines, into an entry."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from products.bounds import (
    CODE_LENGTH,
    EXTERNAL_ID_LENGTH,
    MAX_PRICE,
    MAX_QUANTITY_RULE,
    MAX_STOCK,
    NAME_LENGTH,
)
from products.exchange.entries import EntryError, MerchantEntry, ProductEntry, SkuEntry
from products.fields import LANGUAGE_TAG, is_image, is_text

MAX_SKUS = 2_048
MAX_IMAGES = 50
MAX_ATTRIBUTES = 20
MAX_DESCRIPTION_LENGTH = 100_000
_MAX_ATTRIBUTE_LENGTH = 200
_MAX_INTEGER = 2_147_483_647

Value = TypeVar("Value")


class _Object:
    """A JSON object whose members are taken out one by one; what is left over is a fault."""

    def __init__(self, data: object, name: str, known: frozenset[str]) -> None:
        if not isinstance(data, dict):
            raise EntryError(f"{name or 'the entry'} must be an object")
        self._data, self._prefix = data, f"{name}." if name else ""
        if unknown := sorted(str(key) for key in data.keys() - known):
            raise EntryError(f"{self._prefix}{unknown[0]} is not known")

    def get(self, name: str, read: Callable[[object, str], Value], default: Value) -> Value:
        """Return a member's value, or the default where it is absent or null."""
        value = self._data.get(name)
        return default if value is None else read(value, self._prefix + name)

    def require(self, name: str, read: Callable[[object, str], Value]) -> Value:
        if self._data.get(name) is None:
            raise EntryError(f"{self._prefix}{name} is required")
        return read(self._data[name], self._prefix + name)


_PRODUCT = frozenset(
    ("externalId", "name", "description", "images", "merchant", "status", "translations", "skus")
)
_SKU = frozenset(
    (
        *("code", "externalId", "attributes", "price", "originalPrice", "stock", "tracksStock"),
        *("purchaseLimit", "minQuantity", "quantityStep", "barcode", "isActive"),
    )
)


def parse_product(data: object, skus: Sequence[SkuEntry] | None = None) -> ProductEntry:
    """Return the entry that a JSON object is. Raises EntryError for the first fault.

    Its SKUs are read from the object, too, unless they are given.
    """
    members = _Object(data, "", _PRODUCT)
    external_id = members.require("externalId", read_external_id)
    if skus is None:
        skus = members.require("skus", _read_skus)
    elif not 0 < len(skus) <= MAX_SKUS:
        raise EntryError(f"a product has 1 to {MAX_SKUS} SKUs")
    return ProductEntry(
        external_id=external_id,
        name=members.require("name", read_name),
        skus=tuple(skus),
        description=members.get("description", read_description, ""),
        images=members.get("images", read_images, ()),
        merchant=members.get("merchant", _read_merchant, None),
        is_on_shelf=members.get("status", _read_status, True),
        translations=members.get("translations", read_translations, {}),
    )


def read_external_id(value: object, name: str) -> str:
    """Read an id of the shop's own: 1 to 128 characters that can be printed."""
    return _read_label(value, name, EXTERNAL_ID_LENGTH)


def read_code(value: object, name: str) -> str:
    """Read a SKU's code: 1 to 64 characters that can be printed."""
    return _read_label(value, name, CODE_LENGTH)


def read_name(value: object, name: str) -> str:
    """Read a name: 1 to 255 characters that can be printed."""
    return _read_label(value, name, NAME_LENGTH)


def read_description(value: object, name: str) -> str:
    """Read a description: up to 100,000 characters."""
    return _read_text(value, name, MAX_DESCRIPTION_LENGTH)


def read_price(value: object, name: str) -> Decimal:
    """Read an amount: 0 to 9,999,999.99, with two decimals at most."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise EntryError(f"{name} must be a number")
    amount = Decimal(str(value))
    if not amount.is_finite() or not 0 <= amount <= MAX_PRICE:
        raise EntryError(f"{name} must be from 0 to {MAX_PRICE:,}")
    if amount != round(amount, 2):
        raise EntryError(f"{name} must have two decimals at most")
    return amount.quantize(Decimal("0.01"))


def read_stock(value: object, name: str) -> int:
    """Read a stock: 0 to 1,000,000,000."""
    return _read_integer(value, name, 0, MAX_STOCK)


def read_limit(value: object, name: str) -> int:
    """Read a purchase limit: at least 1."""
    return _read_integer(value, name, 1, _MAX_INTEGER)


def read_rule(value: object, name: str) -> int:
    """Read a minimum or a step of quantities: 1 to 9,999."""
    return _read_integer(value, name, 1, MAX_QUANTITY_RULE)


def read_flag(value: object, name: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise EntryError(f"{name} must be true or false")
    return value


def read_images(value: object, name: str) -> tuple[str, ...]:
    """Read up to 50 URLs or absolute paths."""
    if not isinstance(value, list) or len(value) > MAX_IMAGES:
        raise EntryError(f"{name} must be a list of at most {MAX_IMAGES}")
    for image in value:
        if not is_image(image):
            raise EntryError(f"{name} must be http(s) URLs or absolute paths")
    return tuple(value)


def read_attributes(value: object, name: str) -> dict[str, str]:
    """Read up to 20 attributes, in their order."""
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES:
        raise EntryError(f"{name} must be an object of at most {MAX_ATTRIBUTES} members")
    return {
        _read_label(key, name, _MAX_ATTRIBUTE_LENGTH): _read_label(
            text, f"{name}.{key}", _MAX_ATTRIBUTE_LENGTH
        )
        for key, text in value.items()
    }


def read_translations(value: object, name: str) -> dict[str, dict[str, Any]]:
    """Read names, descriptions and attributes by language tag."""
    if not isinstance(value, dict):
        raise EntryError(f"{name} must be an object by language")
    for tag in value:
        if not isinstance(tag, str) or not LANGUAGE_TAG.fullmatch(tag):
            raise EntryError(f"{name} must be by language tags such as en or pt-BR")
    return {tag: _read_translation(texts, f"{name}.{tag}") for tag, texts in value.items()}


def _read_translation(value: object, name: str) -> dict[str, Any]:
    members = _Object(value, name, frozenset(("name", "description", "attributes")))
    words: dict[str, str] = {}
    texts: Mapping[str, Any] = {
        "name": members.get("name", read_name, ""),
        "description": members.get("description", read_description, ""),
        "attributes": members.get("attributes", _read_words, words),
    }
    return {key: text for key, text in texts.items() if text}


def _read_words(value: object, name: str) -> dict[str, str]:
    """Read translations of attributes' names and values; there are more of them than attributes."""
    if not isinstance(value, dict) or len(value) > MAX_ATTRIBUTES * MAX_SKUS:
        raise EntryError(f"{name} must be an object of texts")
    return {
        _read_label(key, name, _MAX_ATTRIBUTE_LENGTH): _read_label(
            text, name, _MAX_ATTRIBUTE_LENGTH
        )
        for key, text in value.items()
    }


def _read_skus(value: object, name: str) -> tuple[SkuEntry, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SKUS:
        raise EntryError(f"{name} must be a list of 1 to {MAX_SKUS}")
    return tuple(parse_sku(each, f"{name}[{index}]") for index, each in enumerate(value))


def parse_sku(value: object, name: str = "") -> SkuEntry:
    """Return the SKU that a JSON object of this name is. Raises EntryError for the first fault."""
    members = _Object(value, name, _SKU)
    return SkuEntry(
        code=members.require("code", read_code),
        price=members.require("price", read_price),
        external_id=members.get("externalId", read_external_id, None),
        attributes=members.get("attributes", read_attributes, {}),
        original_price=members.get("originalPrice", read_price, None),
        stock=members.get("stock", read_stock, None),
        tracks_stock=members.get("tracksStock", read_flag, True),
        purchase_limit=members.get("purchaseLimit", read_limit, None),
        min_quantity=members.get("minQuantity", read_rule, None),
        quantity_step=members.get("quantityStep", read_rule, None),
        barcode=members.get("barcode", _read_barcode, ""),
        is_active=members.get("isActive", read_flag, True),
    )


def _read_barcode(value: object, name: str) -> str:
    return "" if value == "" else _read_label(value, name, CODE_LENGTH)


def _read_merchant(value: object, name: str) -> MerchantEntry:
    members = _Object(value, name, frozenset(("externalId", "name")))
    return MerchantEntry(
        name=members.require("name", _read_merchant_name),
        external_id=members.get("externalId", read_external_id, None),
    )


def _read_merchant_name(value: object, name: str) -> str:
    return _read_label(value, name, 200)


def _read_status(value: object, name: str) -> bool:
    if isinstance(value, bool) or value not in (0, 1):
        raise EntryError(f"{name} must be 0 (off shelf) or 1 (on shelf)")
    return value == 1


def _read_integer(value: object, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EntryError(f"{name} must be a whole number")
    if not least <= value <= most:
        raise EntryError(f"{name} must be from {least:,} to {most:,}")
    return value


def _read_label(value: object, name: str, length: int) -> str:
    text = _read_text(value, name, length)
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise EntryError(f"{name} must have no control characters, and no spaces around it")
    return text


def _read_text(value: object, name: str, length: int) -> str:
    if not is_text(value):
        raise EntryError(f"{name} must be text")
    if len(value) > length:
        raise EntryError(f"{name} must have at most {length:,} characters")
    return value
