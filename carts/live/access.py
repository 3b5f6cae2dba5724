"""Access tokens that cart calls refuse before they expire, without looking up the user.

Each user with ended tokens has one hash. It holds the least generation that is still good, and a
field for each ended family. It expires with the last of these tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from carts.domain.cart import Access
from carts.live import keys
from carts.live.connection import get_client, store_errors
from config.stores.redis import Command, exchange, take_value

# No family is called this.
_GENERATION = "generation"


@dataclass(frozen=True, slots=True)
class EndedGenerations:
    """A user's tokens below a generation."""

    user_id: str
    below: int

    @property
    def field(self) -> tuple[str, int]:
        return _GENERATION, self.below


@dataclass(frozen=True, slots=True)
class EndedFamily:
    """A user's tokens of one family."""

    user_id: str
    family: str

    @property
    def field(self) -> tuple[str, int]:
        return self.family, 1


def end_tokens(ended: Sequence[EndedGenerations | EndedFamily], *, ttl_seconds: int) -> None:
    """Refuse these tokens on cart calls, in one round trip; they expire within `ttl_seconds`.

    Raises CartStoreUnavailable.
    """
    commands: list[Command] = []
    for each in ended:
        key = keys.ended_tokens_key(each.user_id)
        commands += [("HSET", key, *each.field), ("EXPIRE", key, ttl_seconds)]
    with store_errors():
        for reply in exchange(get_client(), commands):
            take_value(reply)


def ask_whether_ended(user_id: str, access: Access) -> Command:
    """Return the command whose reply `is_ended` reads."""
    return ("HMGET", keys.ended_tokens_key(user_id), _GENERATION, access.family)


def is_ended(access: Access, reply: Any) -> bool:
    """Tell from the reply whether this access has ended."""
    least, family = reply
    return family is not None or (least is not None and access.generation < int(least))
