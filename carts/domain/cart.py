"""A cart as values: who owns it, what is in it. Times are milliseconds since the epoch."""

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from carts.domain.errors import InvalidGuestId
from config.notation import GUEST_ID_PATTERN
from products.bounds import is_id

OwnerKind = Literal["user", "guest"]
CartStatus = Literal["ACTIVE", "EXPIRED", "CHECKEDOUT"]

_GUEST_ID = re.compile(GUEST_ID_PATTERN, re.ASCII)
# A storefront's script sends this when it has no id: all its guests would share one cart.
_NOBODYS_ID = "undefined"


@dataclass(frozen=True, slots=True)
class Access:
    """What a user's token says of itself; by either value it can be ended before it expires."""

    generation: int
    family: str


@dataclass(frozen=True, slots=True)
class CartOwner:
    """Whose cart: a user by account id, or a guest by guest id. The two can never be confused.

    `access` is that of the user's own token, None where somebody else acts on the cart.
    """

    kind: OwnerKind
    id: str
    access: Access | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """Leave out a guest's id: it is a secret, and what an error quotes is logged."""
        return f"CartOwner({'guest:...' if self.is_guest else self.key})"

    @classmethod
    def for_user(cls, user_id: str, access: Access | None = None) -> "CartOwner":
        return cls("user", user_id, access)

    @classmethod
    def for_guest(cls, guest_id: str) -> "CartOwner":
        return cls("guest", guest_id)

    @classmethod
    def parse(cls, key: str) -> "CartOwner":
        """Return the owner whose `key` this is; raises ValueError for any other text."""
        kind, separator, owner_id = key.partition(":")
        match kind:
            case "user" | "guest" if separator and owner_id:
                return cls(kind, owner_id)
        raise ValueError("not the key of a cart's owner")

    @property
    def is_guest(self) -> bool:
        return self.kind == "guest"

    @property
    def key(self) -> str:
        """The owner as text, "user:<id>" or "guest:<id>"; names a buyer in the catalogue too."""
        return f"{self.kind}:{self.id}"


def parse_guest_id(text: str) -> str:
    """Return the text if it can be a guest id; raises InvalidGuestId."""
    if not _GUEST_ID.fullmatch(text) or text.lower() == _NOBODYS_ID:
        raise InvalidGuestId
    return text


class Line(NamedTuple):
    """A SKU in a cart. `revision` is the SkuRevision its snapshot and price notice come from.

    A tuple, because a frozen dataclass takes several times as long to build, and every request
    builds one for each line.
    """

    sku_id: str
    quantity: int
    selected: bool
    revision: int
    added_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Handover:
    """A merge under way: the user a guest's cart was handed to, and by which strategy."""

    user_id: str
    strategy: str


@dataclass(frozen=True, slots=True)
class Cart:
    """One state of a cart; `lines` in the order they were added.

    A cart that does not exist yet has version 0 and the id it would be given. `merged` are the
    marks of the last guests' carts this one took, `settled` those of the last orders whose units
    have left it.
    """

    id: str
    owner: CartOwner
    version: int
    created_ms: int
    updated_ms: int
    lines: tuple[Line, ...] = ()
    status: CartStatus = "ACTIVE"
    handover: Handover | None = None
    merged: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def sku_ids(self) -> list[str]:
        return [line.sku_id for line in self.lines]

    def line_of(self, sku_id: str) -> Line | None:
        """Return this cart's line of a SKU."""
        return next((line for line in self.lines if line.sku_id == sku_id), None)

    def line_id(self, sku_id: str) -> str:
        """Return the public id of this cart's line of a SKU."""
        return f"{self.id}{_SEPARATOR}{sku_id}"


_SEPARATOR = "_"


@dataclass(frozen=True, slots=True)
class LineId:
    """A line's public id: it says which cart and which SKU, so no lookup is needed to tell."""

    cart_id: str
    sku_id: str

    @classmethod
    def parse(cls, text: str) -> "LineId | None":
        """Return the parts, or None for text that cannot be a line's id."""
        cart_id, separator, sku_id = text.partition(_SEPARATOR)
        if not separator or not is_id(cart_id) or not is_id(sku_id):
            return None
        return cls(cart_id, sku_id)


@dataclass(frozen=True, slots=True)
class Addition:
    """Units to add. `selected` None leaves an existing line as it is and selects a new one."""

    product_id: str
    units: int
    sku_id: str | None = None
    selected: bool | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A change to one line: its new quantity and selection; None leaves a value as it is."""

    item_id: str
    quantity: int | None = None
    selected: bool | None = None
