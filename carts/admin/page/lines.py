"""The lines of a living cart and of its copy, with what the catalogue says of each now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from django.utils.translation import gettext as _

from carts.admin.moments import Cell, show_ms
from carts.domain import rules
from carts.domain.cart import Cart, Line
from products.catalogue import read_offers, read_snapshots
from products.offers import Offer, Snapshot

_COMPARED = ("quantity", "selected", "revision", "added_ms", "updated_ms")


@dataclass(frozen=True, slots=True)
class Side:
    """A line as one copy has it; `price` is what one unit cost when it was added."""

    quantity: int
    is_selected: bool
    price: str
    added: Cell
    changed: Cell


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A SKU that is in one of the copies; `differences` names the fields that differ.

    `item_id` is the line's id in the living cart, "" where it has none.
    """

    sku_id: str
    name: str
    code: str
    attributes: str
    price: str
    notices: tuple[str, ...]
    living: Side | None
    copy: Side | None
    differences: frozenset[str]
    item_id: str


@dataclass(frozen=True, slots=True)
class _Goods:
    """What the catalogue knows of the lines."""

    offers: Mapping[str, Offer]
    snapshots: Mapping[int, Snapshot]


def list_lines(living: Cart | None, copy: Cart | None, *, now: datetime) -> list[ShownLine]:
    """Return a row for every SKU of both, in the order they were added.

    Differences are told only where there is a copy beside the living cart. Two queries, however
    many lines.
    """
    ours = {line.sku_id: line for line in living.lines} if living else {}
    theirs = {line.sku_id: line for line in copy.lines} if copy else {}
    goods = _read_goods([cart for cart in (living, copy) if cart is not None])
    either = {**theirs, **ours}
    rows = []
    for sku_id in sorted(either, key=lambda sku: (either[sku].added_ms, sku)):
        row = _build_row(either[sku_id], ours.get(sku_id), theirs.get(sku_id), goods, now)
        if living is not None and sku_id in ours:
            row = replace(row, item_id=living.line_id(sku_id))
        if living is not None and copy is not None:
            row = replace(row, differences=_compare(ours.get(sku_id), theirs.get(sku_id)))
        rows.append(row)
    return rows


def _read_goods(carts: list[Cart]) -> _Goods:
    lines = [line for cart in carts for line in cart.lines]
    if not lines:
        return _Goods({}, {})
    offers = read_offers(sku_ids={line.sku_id for line in lines}, buyer=carts[0].owner.key)
    return _Goods(offers, read_snapshots({line.revision for line in lines}))


def _build_row(
    line: Line, living: Line | None, copy: Line | None, goods: _Goods, now: datetime
) -> ShownLine:
    offer, snapshot = goods.offers.get(line.sku_id), goods.snapshots.get(line.revision)
    shown = offer.read_card() if offer is not None else snapshot
    name = shown.name if shown is not None else ""
    return ShownLine(
        sku_id=line.sku_id,
        name=name or _("Not in the catalogue"),
        code=offer.code if offer is not None else "",
        attributes=_show_attributes(offer) if offer is not None else "",
        price=rules.format_cents(offer.price_cents) if offer is not None else "",
        notices=tuple(_show_issues(line, offer, goods.snapshots)),
        living=_show_side(living, goods, now),
        copy=_show_side(copy, goods, now),
        differences=frozenset(),
        item_id="",
    )


def _show_side(line: Line | None, goods: _Goods, now: datetime) -> Side | None:
    if line is None:
        return None
    snapshot = goods.snapshots.get(line.revision)
    return Side(
        quantity=line.quantity,
        is_selected=line.selected,
        price=rules.format_cents(snapshot.price_cents) if snapshot is not None else "",
        added=show_ms(line.added_ms, now=now),
        changed=show_ms(line.updated_ms, now=now),
    )


def _show_issues(line: Line, offer: Offer | None, snapshots: Mapping[int, Snapshot]) -> list[str]:
    """Tell what a buyer would be told of this line, in the reader's language."""
    texts = {
        "out_of_stock": _("Sold out"),
        "product_not_available": _("Not for sale"),
        "price_changed": _("Price has changed"),
    }
    if offer is not None:
        texts["insufficient_stock"] = _("Only %(stock)d left") % {"stock": offer.stock or 0}
        texts["purchase_limit_exceeded"] = _("Limit of %(limit)s a buyer") % {
            "limit": offer.purchase_limit
        }
    return [texts[issue.code] for issue in rules.find_issues(line, offer, snapshots)]


def _show_attributes(offer: Offer) -> str:
    return ", ".join(map(str, orjson.loads(offer.attributes_json).values()))


def _compare(living: Line | None, copy: Line | None) -> frozenset[str]:
    if living is None or copy is None:
        return frozenset({"line"})
    return frozenset(name for name in _COMPARED if getattr(living, name) != getattr(copy, name))
