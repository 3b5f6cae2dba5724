"""The numbers orders are known by among people."""

import secrets

# Without I, L, O and U, which are misread or make words.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS = 3
_GROUP_LENGTH = 4


def draw_order_number() -> str:
    """Return a random number such as "K7QF-2M9X-B4TD".

    Its 60 random bits tell nothing of other orders. That any two of a million are alike has odds of
    one in two million; the database would refuse the second, with nothing sold.
    """
    groups = ("".join(map(_draw_symbol, range(_GROUP_LENGTH))) for _ in range(_GROUPS))
    return "-".join(groups)


def _draw_symbol(_: int) -> str:
    return secrets.choice(_ALPHABET)
