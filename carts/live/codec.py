"""Between a hash's fields and a Cart.

Meta fields begin with "@"; every other field is a SKU id holding 22 packed bytes: quantity with
the selected flag in the top bit (16 bits), snapshot revision (32), added and updated (64 each, ms).
The Lua prelude reads and writes the same format, `>HI4I8I8` in its struct library.
"""

import struct
from collections.abc import Mapping, Sequence
from operator import attrgetter

from carts.domain.cart import Cart, CartOwner, CartStatus, Handover, Line

_LINE = struct.Struct(">HIQQ")
_SELECTED = 0x8000
_META = 0x40  # "@"

_by_time_added = attrgetter("added_ms", "sku_id")


def pair_fields(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of a hash from the server's flat field, value, field, value reply."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def decode_cart(owner: CartOwner, fields: Mapping[bytes, bytes]) -> Cart:
    """Return the cart a non-empty hash holds."""
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


def decode_units(value: bytes) -> int:
    """Return the units in the packed value of a line."""
    packed: int = _LINE.unpack(value)[0]
    return packed & 0x7FFF


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
