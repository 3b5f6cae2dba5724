"""From a cart and its offers to the answers of the API. Money is in cents until it is written."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone

from carts.domain import rules
from carts.domain.cart import Cart, Line
from carts.domain.merging import CappedLine, SkippedLine
from carts.operations.merging import MergeResult
from carts.operations.reading import CartView
from config.http.envelope import answer
from config.notation import camel_case, format_time_ms, render_money
from products.offers import Offer, Snapshot


@dataclass(frozen=True, slots=True)
class CartDocument:
    """The `data` of a cart answer, and the ETag that names this state of it.

    `etag` is the cart's version and a checksum of what is shown, so that a new price is a new tag
    while If-Match compares the version alone. One in 4 billion changes of the catalogue keeps the
    tag; a cryptographic digest would never do so, but take a tenth of the whole answer's time.
    """

    data: dict[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What the selected lines that can be bought come to."""

    cents: int
    units: int
    lines: int


def present_cart(view: CartView) -> CartDocument:
    """Return the CartResponse of a cart."""
    cart = view.cart
    present_line = _line_presenter(view)
    lines = rules.sort_lines(cart.lines, view.offers)
    totals = sum_totals(lines.purchasable)
    items = [present_line(line, offer) for line, offer in lines.purchasable]
    data = {
        "id": cart.id,
        "userId": None if cart.owner.is_guest else cart.owner.id,
        "sessionId": cart.owner.id if cart.owner.is_guest else None,
        "status": cart.status,
        "currency": settings.CART_CURRENCY,
        "totalAmount": render_money(totals.cents),
        "itemCount": totals.units,
        "selectedCount": totals.lines,
        "selectedAmount": render_money(totals.cents),
        "items": orjson.Fragment(orjson.dumps(items)),
        "unavailableItems": [
            _present_unavailable(view, line, offer) for line, offer in lines.unavailable
        ],
        "version": cart.version,
    }
    checksum = zlib.crc32(orjson.dumps(data))
    return CartDocument(data | _present_times(cart), f'"{cart.version}-{checksum:08x}"')


def sum_totals(purchasable: Iterable[tuple[Line, Offer]]) -> Totals:
    """Return the totals of a cart: those lines that can be bought and are selected."""
    cents = units = lines = 0
    for line, offer in purchasable:
        if line.selected:
            cents += offer.price_cents * line.quantity
            units += line.quantity
            lines += 1
    return Totals(cents, units, lines)


def present_summary(view: CartView) -> dict[str, Any]:
    """Return the summary: units and money of what is selected."""
    totals = sum_totals(rules.sort_lines(view.cart.lines, view.offers).purchasable)
    return {
        "totalAmount": render_money(totals.cents),
        "totalItems": totals.units,
        "selectedItems": totals.lines,
        "selectedAmount": render_money(totals.cents),
    }


def present_validation(view: CartView) -> dict[str, Any]:
    """Return what is wrong with each line, and the lines with nothing wrong."""
    present_line = _line_presenter(view)
    issues: list[dict[str, Any]] = []
    valid: list[dict[str, Any]] = []
    for line in view.cart.lines:
        offer = view.offers.get(line.sku_id)
        found = rules.find_issues(line, offer, view.snapshots)
        if found:
            issues.append(_present_issues(view, line, found))
        elif offer is not None:
            valid.append(present_line(line, offer))
    return {
        "isValid": not issues,
        "issues": issues,
        "validItems": valid,
        "invalidItemCount": len(issues),
    }


def present_merge(result: MergeResult) -> dict[str, Any]:
    """Return the `merge` member of a merge's answer."""
    return {
        "strategy": result.strategy,
        "mergedItems": result.merged_items,
        "capped": [_camelize(line) for line in result.capped],
        "skipped": [_camelize(line) for line in result.skipped],
        "ordersClaimed": result.orders_claimed,
    }


def answer_cart(view: CartView, *, message: str = "Success") -> HttpResponse:
    """Return the whole cart."""
    return answer_document(present_cart(view), message=message)


def answer_listed(view: CartView, *, message: str, **members: Any) -> HttpResponse:
    """Return the cart and these members, with its lines once more as `list` for older clients."""
    document = present_cart(view)
    data = document.data | {"list": document.data["items"]} | members
    return answer_document(CartDocument(data, document.etag), message=message)


def answer_document(document: CartDocument, *, message: str = "Success") -> HttpResponse:
    """Return a cart that has been presented."""
    return answer(document.data, message=message, headers={"ETag": document.etag})


def answer_unmodified(document: CartDocument) -> HttpResponse:
    """Return a 304, which has no body and therefore no content type."""
    response = HttpResponse(status=304, headers={"ETag": document.etag})
    del response["Content-Type"]
    return response


def parse_etag_versions(header: str) -> frozenset[int] | None:
    """Return the cart versions an If-Match names; None for `*`, which any cart matches."""
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    if tags == ["*"]:
        return None
    versions = (tag.partition("-")[0] for tag in tags)
    return frozenset(
        int(version)
        for version in versions
        if version.isascii() and version.isdigit() and len(version) < 20
    )


def matches_etag(header: str, etag: str) -> bool:
    """Tell whether an If-None-Match names this tag."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or "*" in tags


def _camelize(line: CappedLine | SkippedLine) -> dict[str, Any]:
    return {camel_case(name): value for name, value in asdict(line).items()}


def _line_presenter(view: CartView) -> Callable[[Line, Offer], dict[str, Any]]:
    """Return the function that presents the view's purchasable lines."""
    cart, snapshots, low_stock = view.cart, view.snapshots, settings.CART_LOW_STOCK
    cart_id = cart.id

    def present_line(line: Line, offer: Offer) -> dict[str, Any]:
        cents, original = offer.price_cents, offer.original_price_cents
        price = cents / 100
        return {
            "id": cart.line_id(line.sku_id),
            "cartId": cart_id,
            "productId": offer.product_id,
            "skuId": line.sku_id,
            "quantity": line.quantity,
            "price": price,
            "totalPrice": cents * line.quantity / 100,
            "selected": line.selected,
            "product": orjson.Fragment(
                f'{{{offer.card_json},"price":{price},'
                f'"originalPrice":{"null" if original is None else original / 100},'
                f'"stock":{"null" if offer.stock is None else offer.stock}}}'
            ),
            "sku": {
                "id": line.sku_id,
                "code": offer.code,
                "attributes": orjson.Fragment(offer.attributes_json),
            },
            "extraData": _present_notices(line, offer, snapshots, low_stock),
            "createdAt": format_time_ms(line.added_ms),
            "updatedAt": format_time_ms(line.updated_ms),
        }

    return present_line


def _present_notices(
    line: Line, offer: Offer, snapshots: Mapping[int, Snapshot], low_stock: int
) -> dict[str, Any]:
    stock, now = offer.stock, offer.price_cents
    then, change = now, None
    if line.revision != offer.revision:
        then = rules.price_when_added(line, offer, snapshots)
    if now != then:
        direction = "up" if now > then else "down"
        change = {"from": then / 100, "to": now / 100, "direction": direction}
    return {
        "purchaseLimit": offer.purchase_limit,
        "remainingLimit": rules.remaining_allowance(offer),
        "insufficientStock": stock is not None and line.quantity > stock,
        "outOfStock": stock is not None and stock <= 0,
        "lowStock": stock is not None and 0 < stock <= low_stock,
        "priceAtAdd": then / 100,
        "priceChange": change,
    }


def _present_unavailable(view: CartView, line: Line, offer: Offer | None) -> dict[str, Any]:
    snapshot = _snapshot_of(line, offer, view.snapshots)
    notices: dict[str, Any] = {}
    if offer is not None:
        notices = _present_notices(line, offer, view.snapshots, settings.CART_LOW_STOCK)
    return {
        "id": view.cart.line_id(line.sku_id),
        "productId": offer.product_id if offer is not None else "",
        "skuId": line.sku_id,
        "quantity": line.quantity,
        "selected": line.selected,
        "reason": rules.unavailable_reason(offer),
        "snapshot": {
            "name": snapshot.name,
            "image": snapshot.image,
            "price": render_money(snapshot.price_cents),
        },
        "extraData": notices,
        "createdAt": format_time_ms(line.added_ms),
        "updatedAt": format_time_ms(line.updated_ms),
    }


def _snapshot_of(line: Line, offer: Offer | None, snapshots: Mapping[int, Snapshot]) -> Snapshot:
    kept = snapshots.get(line.revision)
    if kept is not None:
        return kept
    if offer is None:
        return Snapshot(name="", image="", price_cents=0)
    card = offer.read_card()
    return Snapshot(card.name, card.image, offer.price_cents)


def _present_issues(view: CartView, line: Line, found: Sequence[rules.Issue]) -> dict[str, Any]:
    offer = view.offers.get(line.sku_id)
    if offer is not None and rules.is_purchasable(offer):
        name = offer.read_card().name
    else:
        name = _snapshot_of(line, offer, view.snapshots).name
    return {
        "itemId": view.cart.line_id(line.sku_id),
        "productId": offer.product_id if offer is not None else "",
        "productName": name,
        "issues": [issue.message for issue in found],
        "codes": [issue.code for issue in found],
    }


def _present_times(cart: Cart) -> dict[str, str]:
    """Return the cart's times; a cart that does not exist yet is shown as if it began now."""
    created, updated = cart.created_ms, cart.updated_ms
    if not cart.exists:
        created = updated = int(timezone.now().timestamp() * 1000)
    lifetime = timedelta(days=settings.CART_TTL_DAYS) // timedelta(milliseconds=1)
    return {
        "expiresAt": format_time_ms(updated + lifetime),
        "createdAt": format_time_ms(created),
        "updatedAt": format_time_ms(updated),
    }
