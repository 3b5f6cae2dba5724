"""Changes to the lines of a cart. Each reads cart and catalogue, decides, and runs one script.

The script refuses if the cart is no longer the one that was read; then the change begins again
from the reading. A refusal that is raised has changed nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings

from carts.attempts import Overtaken, attempt_from
from carts.domain import rules
from carts.domain.cart import Addition, Cart, CartOwner, LineId, Update
from carts.domain.errors import (
    AccessDenied,
    CartError,
    CartFull,
    CartNotFound,
    ItemNotFound,
    ProductNotAvailable,
    ProductNotFound,
    SkuRequired,
)
from carts.live import store
from carts.live.store import ChangeContext, EntryOutcome, LineSetting, Outcome, UnitsToAdd
from carts.operations.merging import require_unmerged
from carts.operations.reading import CartView, read_cart, view_cart
from products.catalogue import read_offers
from products.offers import Offer

Failures = dict[int, CartError]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The cart after a batch, and by position why entries were refused."""

    view: CartView
    failures: Mapping[int, CartError]

    def require_done(self) -> CartView:
        """Return the cart; raises what the first entry failed with, if any did."""
        for failure in self.failures.values():
            raise failure
        return self.view


def add_lines(
    *, owner: CartOwner, additions: Sequence[Addition], context: ChangeContext
) -> BatchResult:
    """Add units of SKUs to the owner's cart, starting it if there is none.

    Each addition's units are 1..CART_MAX_UNITS_PER_LINE; an existing line grows by them. Additions
    of one SKU are judged by their sum. An entry fails with ProductNotFound, SkuRequired,
    ProductNotAvailable, InsufficientStock, PurchaseLimitExceeded, InvalidProductOrQuantity or
    CartFull; the others are done. Raises CartChanged, CartStoreUnavailable.
    """

    def attempt(cart: Cart) -> BatchResult:
        offers = read_offers(
            sku_ids=[*cart.sku_ids, *(a.sku_id for a in additions if a.sku_id is not None)],
            product_ids=[a.product_id for a in additions if a.sku_id is None],
            buyer=owner.key,
        )
        positions, failures = _choose_offers(additions, offers)
        entries = [
            _sum_additions([additions[index] for index in indexes], offers[sku_id])
            for sku_id, indexes in positions.items()
        ]
        if not entries:
            return _show(cart, None, offers, failures)
        outcome = store.add_units(cart, context, entries)
        for entry, result in zip(entries, outcome.entries, strict=False):
            total = result.before + entry.units
            refusal = _refuse(result, offers[entry.sku_id], requested=entry.units, total=total)
            if refusal is not None:
                failures.update(dict.fromkeys(positions[entry.sku_id], refusal))
        return _show(cart, outcome, offers, failures)

    return _change_cart(owner, context, attempt)


def update_lines(
    *, owner: CartOwner, updates: Sequence[Update], context: ChangeContext
) -> BatchResult:
    """Set quantities and selections of lines; the later of two entries for one line counts.

    An entry fails with AccessDenied, CartNotFound, ItemNotFound, ProductNotAvailable (a quantity
    for a line that is off shelf), InsufficientStock, PurchaseLimitExceeded or
    InvalidProductOrQuantity; the others are done. Raises CartChanged, CartStoreUnavailable.
    """

    def attempt(cart: Cart) -> BatchResult:
        offers = read_offers(sku_ids=cart.sku_ids, buyer=owner.key)
        chosen, failures = _choose_settings(updates, cart, offers)
        if not chosen:
            return _show(cart, None, offers, failures)
        outcome = store.set_lines(cart, context, list(chosen.values()))
        for (position, setting), result in zip(chosen.items(), outcome.entries, strict=False):
            offer, wanted = offers.get(setting.sku_id), setting.quantity or 0
            refusal = _refuse(result, offer, requested=wanted, total=wanted)
            if refusal is not None:
                failures[position] = refusal
        return _show(cart, outcome, offers, failures)

    return _change_cart(owner, context, attempt)


def select_merchant(
    *, owner: CartOwner, merchant_id: str, selected: bool, context: ChangeContext
) -> BatchResult:
    """Select or deselect the lines of one merchant; a merchant without a line changes nothing."""

    def attempt(cart: Cart) -> BatchResult:
        offers = read_offers(sku_ids=cart.sku_ids, buyer=owner.key)
        chosen = [
            LineSetting(sku_id, quantity=None, selected=selected, highest=0)
            for sku_id in cart.sku_ids
            if sku_id in offers and offers[sku_id].read_card().merchant_id == merchant_id
        ]
        outcome = store.set_lines(cart, context, chosen) if chosen else None
        return _show(cart, outcome, offers)

    return _change_cart(owner, context, attempt)


def select_all(*, owner: CartOwner, selected: bool, context: ChangeContext) -> BatchResult:
    """Select or deselect every line."""

    def attempt(cart: Cart) -> BatchResult:
        offers = read_offers(sku_ids=cart.sku_ids, buyer=owner.key)
        outcome = store.select_lines(cart, context, selected=selected) if cart.lines else None
        return _show(cart, outcome, offers)

    return _change_cart(owner, context, attempt)


def remove_lines(
    *, owner: CartOwner, item_ids: Sequence[str], context: ChangeContext
) -> BatchResult:
    """Remove lines, also those that cannot be bought.

    An entry fails with AccessDenied, CartNotFound or ItemNotFound; the others are done.
    """

    def attempt(cart: Cart) -> BatchResult:
        skus, failures = _choose_lines(item_ids, cart)
        kept = [sku_id for sku_id in cart.sku_ids if sku_id not in skus.values()]
        offers = read_offers(sku_ids=kept, buyer=owner.key)
        if not skus:
            return _show(cart, None, offers, failures)
        outcome = store.drop_lines(cart, context, list(skus.values()))
        for position, result in zip(skus, outcome.entries, strict=False):
            if result.code == "missing":
                failures[position] = ItemNotFound()
        return _show(cart, outcome, offers, failures)

    return _change_cart(owner, context, attempt)


def clear_cart(*, owner: CartOwner, context: ChangeContext) -> BatchResult:
    """Remove every line; a cart that does not exist stays so."""

    def attempt(cart: Cart) -> BatchResult:
        return _show(cart, store.clear(cart, context) if cart.exists else None, {})

    return _change_cart(owner, context, attempt)


def acknowledge_prices(
    *, owner: CartOwner, item_ids: Sequence[str] | None, context: ChangeContext
) -> BatchResult:
    """Take the live price of lines as the price they were added at; all lines for None.

    Raises AccessDenied, CartNotFound or ItemNotFound for the first line that is not in this cart.
    """

    def attempt(cart: Cart) -> BatchResult:
        ids = [cart.line_id(sku) for sku in cart.sku_ids] if item_ids is None else item_ids
        skus, failures = _choose_lines(ids, cart)
        for refusal in failures.values():
            raise refusal
        offers = read_offers(sku_ids=cart.sku_ids, buyer=owner.key)
        revisions = [(sku, offers[sku].revision) for sku in skus.values() if sku in offers]
        outcome = store.acknowledge(cart, context, revisions) if revisions else None
        return _show(cart, outcome, offers)

    return _change_cart(owner, context, attempt)


def _change_cart(
    owner: CartOwner, context: ChangeContext, attempt: Callable[[Cart], BatchResult]
) -> BatchResult:
    """Read the cart and attempt a change to it, until nothing else changes the cart in between.

    The first reading charges the limits; every reading notices a repeated call.
    """
    cart = read_cart(owner, charges=context.charges, call=context.call)
    context.require_version(cart)
    return attempt_from(cart, attempt, read=partial(_read_again, owner, context))


def _read_again(owner: CartOwner, context: ChangeContext) -> Cart:
    cart = read_cart(owner, call=context.call)
    require_unmerged(cart, context)
    context.require_version(cart)
    return cart


def _show(
    cart: Cart,
    outcome: Outcome | None,
    offers: Mapping[str, Offer],
    failures: Failures | None = None,
) -> BatchResult:
    """Return the cart after a script, or as it was read if none ran; raises Overtaken."""
    if outcome is not None:
        if outcome.status != "done":
            raise Overtaken("the cart is no longer the one that was read")
        # The outcome has no cart if every entry was refused and there was none before.
        cart = outcome.cart or cart
    return BatchResult(view_cart(cart, offers), failures or {})


def _choose_offers(
    additions: Sequence[Addition], offers: Mapping[str, Offer]
) -> tuple[dict[str, list[int]], Failures]:
    """Return the positions of the additions to each SKU, and why the others cannot be added."""
    positions: dict[str, list[int]] = {}
    failures: Failures = {}
    for index, addition in enumerate(additions):
        try:
            offer = _choose_offer(addition, offers)
            rules.require_available(offer)
        except CartError as refusal:
            failures[index] = refusal
        else:
            positions.setdefault(offer.sku_id, []).append(index)
    return positions, failures


def _choose_offer(addition: Addition, offers: Mapping[str, Offer]) -> Offer:
    if addition.sku_id is not None:
        named = offers.get(addition.sku_id)
        if named is None or named.product_id != addition.product_id:
            raise ProductNotFound(product_id=addition.product_id)
        return named
    candidates = [o for o in offers.values() if o.product_id == addition.product_id]
    if not candidates:
        raise ProductNotFound(product_id=addition.product_id)
    on_sale = [offer for offer in candidates if rules.is_on_sale(offer)]
    if not on_sale:
        raise ProductNotAvailable
    if len(on_sale) > 1:
        raise SkuRequired(sku_ids=sorted(offer.sku_id for offer in on_sale))
    return on_sale[0]


def _sum_additions(additions: Sequence[Addition], offer: Offer) -> UnitsToAdd:
    choices = [entry.selected for entry in additions if entry.selected is not None]
    return UnitsToAdd(
        sku_id=offer.sku_id,
        units=sum(entry.units for entry in additions),
        highest=_highest_quantity(offer),
        selected=choices[-1] if choices else None,
        revision=offer.revision,
    )


def _highest_quantity(offer: Offer) -> int:
    return rules.highest_quantity(offer, max_units=settings.CART_MAX_UNITS_PER_LINE)


def _choose_settings(
    updates: Sequence[Update], cart: Cart, offers: Mapping[str, Offer]
) -> tuple[dict[int, LineSetting], Failures]:
    skus, failures = _choose_lines([entry.item_id for entry in updates], cart)
    chosen: dict[int, LineSetting] = {}
    for position, sku_id in skus.items():
        update, offer = updates[position], offers.get(sku_id)
        if update.quantity is not None:
            try:
                rules.require_available(offer)
            except ProductNotAvailable as refusal:
                failures[position] = refusal
                continue
        highest = _highest_quantity(offer) if offer is not None else 0
        chosen[position] = LineSetting(sku_id, update.quantity, update.selected, highest)
    return chosen, failures


def _refuse(
    result: EntryOutcome, offer: Offer | None, *, requested: int, total: int
) -> CartError | None:
    """Return why the script left out an entry that would bring a line to `total` units."""
    match result.code:
        case "missing":
            return ItemNotFound()
        case "full":
            return CartFull()
        case "over" if offer is not None:
            return rules.refusal_of(offer, in_cart=result.before, requested=requested, total=total)
    return None


def _choose_lines(item_ids: Sequence[str], cart: Cart) -> tuple[dict[int, str], Failures]:
    """Return by position the SKU of each line in this cart, and why the others are refused.

    The id alone tells that a line is somebody else's, whether or not this cart exists.
    """
    present = set(cart.sku_ids)
    skus: dict[int, str] = {}
    failures: Failures = {}
    for position, text in enumerate(item_ids):
        line_id = LineId.parse(text)
        if line_id is not None and line_id.cart_id != cart.id:
            failures[position] = AccessDenied()
        elif not cart.exists:
            failures[position] = CartNotFound()
        elif line_id is None or line_id.sku_id not in present:
            failures[position] = ItemNotFound()
        else:
            skus[position] = line_id.sku_id
    return skus, failures
