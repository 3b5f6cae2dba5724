"""What the catalogue can hold; constraints in the database say the same."""

from decimal import Decimal

MAX_PRICE = Decimal("9999999.99")
# What the staff may set. Orders that give units back may pass it: the column holds far more.
MAX_STOCK = 1_000_000_000
NAME_LENGTH = 255
CODE_LENGTH = 64
EXTERNAL_ID_LENGTH = 128
# Of a SKU's minimum and step; a line with more units is rare.
MAX_QUANTITY_RULE = 9_999
# The rule of `is_id`, for the database. "_" is not allowed: in a line's id it joins the cart's id
# and the SKU's.
ID_PATTERN = "^-*[A-Za-z0-9][A-Za-z0-9-]*$"


def is_id(text: str) -> bool:
    """Tell whether text can be an id of this system: 1 to 64 of a-z, A-Z, 0-9 and '-'."""
    return 0 < len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum()
