"""Between a hash's fields and a Cart.

Meta fields begin with "@"; every other field is a SKU id holding 22 packed bytes: quantity with
the selected flag in the top bit (16 bits), snapshot revision (32), added and updated (64 each, ms).
The Lua prelude reads and writes the same format, `>HI4I8I8` in its struct library.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from carts.domain.cart import Cart, CartOwner, CartStatus, Handover, Line
from carts.domain.errors import CartUnreadable

_LINE = struct.Struct(">HIQQ")
_SELECTED = 0x8000
_META = 0x40  # "@"

# The errors that may come from reading anything but a cart's fields.
_NOT_A_CART = (LookupError, TypeError, ValueError, struct.error)

_by_time_added = attrgetter("added_ms", "sku_id")


@dataclass(frozen=True, slots=True)
class LiveCart:
    """The cart in a hash, and the versions of it that were saved, or read to be saved.

    `known_versions` are those that saves of this cart may have given the copy: the one last saved
    (0 for none), then those read to be saved since.
    """

    cart: Cart
    known_versions: tuple[int, ...]

    def descends_from(self, version: int) -> bool:
        """Tell whether a copy of this version belongs to the history of the cart.

        A copy older than the version last saved belongs to it as well: the database was then
        restored from an older file.
        """
        return version <= self.known_versions[0] or version in (
            *self.known_versions,
            self.cart.version,
        )


def parse_cart(owner: CartOwner, reply: Any) -> Cart | None:
    """Return the cart in the server's reply for a whole hash, None where there is none.

    Raises CartUnreadable for whatever else is there.
    """
    try:
        return decode_cart(owner, pair_fields(reply)) if reply else None
    except _NOT_A_CART as error:
        raise CartUnreadable from error


def parse_live_cart(owner: CartOwner, reply: Any) -> LiveCart | None:
    """Return what `parse_cart` returns, with the versions that were saved."""
    try:
        if not reply:
            return None
        fields = pair_fields(reply)
        known = tuple(map(int, fields.get(b"@saved", b"0").split(b",")))
        return LiveCart(decode_cart(owner, fields), known)
    except _NOT_A_CART as error:
        raise CartUnreadable from error


def parse_units(value: bytes) -> int:
    """Return the units in the packed value of a line; raises CartUnreadable for another value."""
    try:
        packed: int = _LINE.unpack(value)[0]
    except struct.error as error:
        raise CartUnreadable from error
    return packed & 0x7FFF


def pair_fields(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of a hash from the server's flat field, value, field, value reply."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def decode_cart(owner: CartOwner, fields: Mapping[bytes, bytes]) -> Cart:
    """Return the cart in these fields; any error means that they are not a cart's."""
    unpack = _LINE.unpack
    lines = []
    for field, value in fields.items():
        if field[0] != _META:
            packed, revision, added, updated = unpack(value)
            selected = packed >= _SELECTED
            quantity = packed & 0x7FFF
            lines.append(Line(field.decode(), quantity, selected, revision, added, updated))
    lines.sort(key=_by_time_added)
    merging = fields.get(b"@merging")
    return Cart(
        id=fields[b"@id"].decode(),
        owner=owner,
        version=int(fields[b"@version"]),
        created_ms=int(fields[b"@created"]),
        updated_ms=int(fields[b"@updated"]),
        lines=tuple(lines),
        status=_decode_status(fields.get(b"@status")),
        handover=decode_handover(merging.decode()) if merging else None,
        merged=split_marks(fields.get(b"@merged", b"").decode()),
        settled=split_marks(fields.get(b"@settled", b"").decode()),
    )


def encode_cart(cart: Cart) -> dict[str, bytes | str | int]:
    """Return the hash that holds the cart."""
    fields: dict[str, bytes | str | int] = {
        "@id": cart.id,
        "@version": cart.version,
        "@created": cart.created_ms,
        "@updated": cart.updated_ms,
    }
    if cart.status != "ACTIVE":
        fields["@status"] = cart.status
    if cart.handover is not None:
        fields["@merging"] = encode_handover(cart.handover)
    if cart.merged:
        fields["@merged"] = ",".join(cart.merged)
    if cart.settled:
        fields["@settled"] = ",".join(cart.settled)
    for line in cart.lines:
        fields[line.sku_id] = encode_line(line)
    return fields


def encode_line(line: Line) -> bytes:
    """Return the packed value of a line."""
    packed = line.quantity | (_SELECTED if line.selected else 0)
    return _LINE.pack(packed, line.revision, line.added_ms, line.updated_ms)


def encode_handover(handover: Handover) -> str:
    """Return the value of the `@merging` field."""
    return f"{handover.user_id}:{handover.strategy}"


def decode_handover(value: str) -> Handover:
    """Return the handover in the value of a `@merging` field."""
    user_id, _, strategy = value.rpartition(":")
    return Handover(user_id, strategy)


def split_marks(value: str) -> tuple[str, ...]:
    """Return the marks in the value of a `@merged` or `@settled` field."""
    return tuple(value.split(",")) if value else ()


def _decode_status(value: bytes | None) -> CartStatus:
    match value:
        case None:
            return "ACTIVE"
        case b"CHECKEDOUT":
            return "CHECKEDOUT"
        case b"EXPIRED":
            return "EXPIRED"
    raise ValueError(f"unknown cart status {value!r}")
