"""How times, money and names are written in JSON, and what a guest's id looks like."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

# The greatest amount of money, in cents. Above it neighbouring doubles are more than half a cent
# apart, so that two amounts may read as one JSON number.
MAX_CENTS = 2**46 * 100

# The id of a client that has not signed in, in X-Guest-ID.
GUEST_ID_PATTERN = "[A-Za-z0-9_-]{8,128}"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Return an aware time as ISO-8601 UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


# When a cart is read again, its lines have the same times as before. About 200 bytes each in
# every worker process.
@lru_cache(maxsize=8192)
def format_time_ms(milliseconds: int) -> str:
    """Return a time given in milliseconds since the epoch as ISO-8601 UTC with milliseconds."""
    return format_time(_EPOCH + timedelta(milliseconds=milliseconds))


def render_money(cents: int) -> float:
    """Return cents as the JSON number with at most two decimals that reads the same."""
    return cents / 100


def camel_case(name: str) -> str:
    """Return the name that a field with this Python name has in JSON."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
