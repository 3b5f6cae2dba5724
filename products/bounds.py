"""What the catalogue can hold at most; constraints in the database say the same."""

from decimal import Decimal

MAX_PRICE = Decimal("9999999.99")
# Less than half of what the column holds, so that there is room for all units which orders may give
# back.
MAX_STOCK = 1_000_000_000
