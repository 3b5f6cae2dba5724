"""The columns of the permanent copy, each spelled once; the SQL texts are made of them.

In a row, times are milliseconds since the epoch and money is cents; the database has types for
them.
"""

from typing import Annotated, Any, NamedTuple, get_type_hints

from carts.domain.cart import CartStatus

Milliseconds = Annotated[int, "since the epoch"]
Cents = Annotated[int, "of the shop's currency"]


class _Type(NamedTuple):
    """The type that a value is sent in, and the SQL from it to the column's type and back."""

    sent: str
    write: str = "{}"
    read: str = "{}"


_TEXT = _Type("text")
_TYPES: dict[Any, _Type] = {
    int: _Type("bigint"),
    bool: _Type("bool"),
    Cents: _Type("numeric", write="{} / 100.0", read="({} * 100)::bigint"),
    Milliseconds: _Type(
        "bigint",
        write="timestamptz 'epoch' + {} * interval '1 millisecond'",
        read="(extract(epoch FROM {}) * 1000)::bigint",
    ),
}


class CartRow(NamedTuple):
    """A row of carts_cart; `merged` and `settled` hold marks with commas between them.

    The first three stay as they are while the cart lives.
    """

    id: str
    user_id: str | None
    session_id: str | None
    status: CartStatus
    currency: str
    total_amount: Cents
    item_count: int
    version: int
    merged: str
    settled: str
    handover: str
    created_at: Milliseconds
    updated_at: Milliseconds
    expires_at: Milliseconds


class LineRow(NamedTuple):
    """A row of carts_cartitem, after the cart's id in the order of a Line."""

    cart_id: str
    sku_id: str
    quantity: int
    selected: bool
    revision: int
    added_at: Milliseconds
    updated_at: Milliseconds


def list_sent_types(row: type) -> dict[str, str]:
    """Return the columns of a row, and the types that their values are sent in."""
    return {name: of.sent for name, of in _list_types(row).items()}


def write_columns(row: type, **instead: str) -> str:
    """Return the SQL that makes columns from sent values; `instead` has that of some columns."""
    return ", ".join(
        f"{instead.get(name, of.write.format(name))} AS {name}"
        for name, of in _list_types(row).items()
    )


def read_columns(row: type, table: str) -> str:
    """Return the SQL that reads the values of a row from its table."""
    return ", ".join(of.read.format(f"{table}.{name}") for name, of in _list_types(row).items())


def _list_types(row: type) -> dict[str, _Type]:
    hints = get_type_hints(row, include_extras=True)
    return {name: _TYPES.get(hint, _TEXT) for name, hint in hints.items()}
