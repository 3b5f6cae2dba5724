"""Goods that come from elsewhere: added, or changed where they differ, many in one call.

Files, service keys and the admin's import come in here. A product is known by its external id, a
SKU by its code. What an entry leaves out stays as it is.

Entries are taken in small transactions. These lock products, then SKUs, in the order of all other
changes of the catalogue. Checkouts lock SKUs in the same order, so they only wait milliseconds.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from django.db import IntegrityError, connection
from django.db.models import Model, Q
from django.utils import timezone

from config.stores.database import in_transaction, lock_rows, update_rows
from products.exchange.entries import MerchantEntry, ProductEntry, SkuEntry
from products.models import Merchant, Product, ShelfStatus, Sku, StockReason
from products.stock import Cause, StockStep, record_changes

_PRODUCTS_AT_ONCE = 100
_SKUS_AT_ONCE = 500
# Any number that no other lock of this kind has.
_INTAKE_LOCK = 7_203_001
_SKU_FIELDS = (
    "external_id",
    "attributes",
    "price",
    "original_price",
    "tracks_stock",
    "purchase_limit",
    "min_quantity",
    "quantity_step",
    "barcode",
    "is_active",
)
_PRODUCT_FIELDS = ("name", "description", "images", "merchant_id", "status", "translations")

Item = TypeVar("Item")


class Outcome(StrEnum):
    """What became of an entry."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an entry, why it failed (or ""), and the ids of its merchant and its SKUs."""

    outcome: Outcome
    reason: str = ""
    merchant_id: str = ""
    sku_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """What the SKU of a code costs; `keeps_original` leaves its original price alone."""

    code: str
    price: Decimal
    original_price: Decimal | None = None
    keeps_original: bool = False


@dataclass(frozen=True, slots=True)
class Intake:
    """Who brings entries.

    `clock` tells the time at which each transaction begins. `merchant` sells what comes without
    one. `actor` is as in `products.stock.Cause`. A dry run tells what would become of the entries,
    and changes nothing.
    """

    actor: str
    clock: Callable[[], datetime] = timezone.now
    merchant: MerchantEntry | None = None
    is_dry_run: bool = False


def take_in(entries: Iterable[ProductEntry], how: Intake) -> Iterator[Taken]:
    """Add or change products and their SKUs, and yield what became of each, in order.

    One entry's failure leaves the others alone. Some entries are taken together; when the caller
    stops between two of them, what came before is kept.
    """
    for batch in _batch_entries(entries):
        try:
            yield from _take_batch(batch, how)
        except IntegrityError:
            # Somebody else added one of them in the meantime. Taking each alone shows which.
            for entry in batch:
                yield _take_alone(entry, how)


def set_prices(entries: Sequence[PriceEntry], now: datetime) -> list[Taken]:
    """Give SKUs new prices, some hundred in a transaction, and return what became of each."""
    return [
        taken for batch in _in_batches(entries, _SKUS_AT_ONCE) for taken in _price_batch(batch, now)
    ]


def deactivate_others(
    sku_ids: Iterable[str], *, merchant_ids: Iterable[str], now: datetime, is_dry_run: bool = False
) -> int:
    """Make the merchants' SKUs inactive, except these, and return how many were active."""
    kept = set(sku_ids)
    active = Sku.objects.active().filter(product__merchant__in=list(merchant_ids))
    others = [pk for pk in active.values_list("pk", flat=True).iterator() if pk not in kept]
    for batch in _in_batches([] if is_dry_run else sorted(others), _PRODUCTS_AT_ONCE):
        _deactivate(batch, now)
    return len(others)


@in_transaction
def _price_batch(entries: Sequence[PriceEntry], now: datetime) -> list[Taken]:
    skus = Sku.objects.filter(code__in=[entry.code for entry in entries], is_deleted=False)
    held = skus.select_for_update(no_key=True).order_by("pk")
    found = {sku.code: sku for sku in held.only("code", "price", "original_price")}
    changed: dict[str, Sku] = {}
    taken = []
    for entry in entries:
        sku = found.get(entry.code)
        if sku is None:
            taken.append(Taken(Outcome.FAILED, f"there is no SKU of the code {entry.code}"))
            continue
        original = sku.original_price if entry.keeps_original else entry.original_price
        if _assign(sku, {"price": entry.price, "original_price": original}):
            sku.updated_at = now
            changed[sku.pk] = sku
            taken.append(Taken(Outcome.CHANGED))
        else:
            taken.append(Taken(Outcome.UNCHANGED))
    update_rows(changed.values(), ("price", "original_price", "updated_at"))
    return taken


@in_transaction
def _deactivate(sku_ids: Sequence[str], now: datetime) -> None:
    skus = Sku.objects.filter(pk__in=sku_ids)
    lock_rows(skus)
    skus.update(is_active=False, updated_at=now)


def _take_alone(entry: ProductEntry, how: Intake) -> Taken:
    try:
        [taken] = _take_batch([entry], how)
    except IntegrityError as error:
        return Taken(Outcome.FAILED, f"was refused by the database: {error.args[0]}")
    return taken


def _take_batch(entries: Sequence[ProductEntry], how: Intake) -> list[Taken]:
    merchants = _Merchants(how)
    named = [entry.merchant or how.merchant for entry in entries]
    merchants.settle({each for each in named if each is not None})
    return _take_goods(entries, merchants, how)


@in_transaction
def _take_goods(
    entries: Sequence[ProductEntry], merchants: "_Merchants", how: Intake
) -> list[Taken]:
    goods = _Goods.lock(entries, how.clock())
    taken = [_plan(entry, goods, merchants) for entry in entries]
    if not how.is_dry_run:
        goods.write(how.actor)
    return taken


def _queue_up() -> None:
    """Wait for others who settle merchants: names may repeat, so both would add the same one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_INTAKE_LOCK])


class _Merchants:
    """The merchants of some entries: by external id where they have one, else by name."""

    def __init__(self, how: Intake) -> None:
        self._how = how
        self._found: dict[MerchantEntry, Merchant] = {}

    def get(self, entry: MerchantEntry | None) -> Merchant | None:
        wanted = entry or self._how.merchant
        return None if wanted is None else self._found[wanted]

    @in_transaction
    def settle(self, wanted: Collection[MerchantEntry]) -> None:
        """Find them, add those that are missing, and rename those that have another name now.

        Runs in a transaction before that of the goods: renaming a merchant locks all its SKUs.
        """
        if self._how.is_dry_run:
            self._found = {entry: _find_merchant(entry) or Merchant() for entry in wanted}
            return
        _queue_up()
        for entry in sorted(wanted, key=lambda each: (each.name, each.external_id or "")):
            merchant = _find_merchant(entry) or Merchant(created_at=self._how.clock())
            values = {"name": entry.name, "external_id": entry.external_id or merchant.external_id}
            if _assign(merchant, values):
                merchant.save()
            self._found[entry] = merchant


@dataclass(slots=True)
class _Goods:
    """What there is of some entries' goods, locked, and what is to be written."""

    now: datetime
    products: dict[str, Product]
    skus: dict[str, Sku]
    new_products: dict[str, Product] = field(default_factory=dict)
    new_skus: dict[str, Sku] = field(default_factory=dict)
    changed_products: dict[str, Product] = field(default_factory=dict)
    changed_skus: dict[str, Sku] = field(default_factory=dict)
    stocks: defaultdict[StockReason, list[StockStep]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @classmethod
    def lock(cls, entries: Sequence[ProductEntry], now: datetime) -> "_Goods":
        names = [entry.external_id for entry in entries]
        # An export names products of the shop's own by their ids.
        named = Q(external_id__in=names) | Q(external_id=None, pk__in=names)
        known = Product.objects.filter(named, is_deleted=False)
        lock_rows(known)
        products = {each.external_id or each.pk: each for each in known}
        # All of a product's SKUs: if the product changes, the database's triggers lock them, too.
        codes = [sku.code for entry in entries for sku in entry.skus]
        theirs = Q(product__in=products.values()) | Q(code__in=codes, is_deleted=False)
        lock_rows(Sku.objects.filter(theirs))
        skus = Sku.objects.filter(code__in=codes, is_deleted=False)
        return cls(now, products, {each.code: each for each in skus})

    def write(self, actor: str) -> None:
        """Write what was planned; at most six queries."""
        Product.objects.bulk_create(self.new_products.values())
        update_rows(self.changed_products.values(), (*_PRODUCT_FIELDS, "updated_at"))
        Sku.objects.bulk_create(self.new_skus.values())
        update_rows(self.changed_skus.values(), (*_SKU_FIELDS, "stock", "updated_at"))
        for reason, steps in self.stocks.items():
            record_changes(steps, cause=Cause(reason, "", actor), now=self.now)


def _plan(entry: ProductEntry, goods: _Goods, merchants: _Merchants) -> Taken:
    """Note what the entry changes, if all of it is possible."""
    product = goods.products.get(entry.external_id)
    reason = _find_fault(entry, product, goods.skus, merchants)
    if reason:
        return Taken(Outcome.FAILED, reason)
    outcome = Outcome.UNCHANGED
    if product is None:
        outcome = Outcome.CREATED
        product = Product(external_id=entry.external_id, created_at=goods.now)
        goods.products[entry.external_id] = product
        goods.new_products[product.pk] = product
    is_changed = _assign(product, _product_values(entry, product, merchants))
    if is_changed and outcome != Outcome.CREATED:
        outcome = Outcome.CHANGED
    if is_changed and product.pk not in goods.new_products:
        product.updated_at = goods.now
        goods.changed_products[product.pk] = product
    skus = [_plan_sku(sku, product, goods) for sku in entry.skus]
    if outcome == Outcome.UNCHANGED and any(changed for _, changed in skus):
        outcome = Outcome.CHANGED
    return Taken(outcome, merchant_id=product.merchant_id, sku_ids=[sku.pk for sku, _ in skus])


def _plan_sku(entry: SkuEntry, product: Product, goods: _Goods) -> tuple[Sku, bool]:
    """Note what the entry changes, and return the SKU and whether anything changes."""
    sku = goods.skus.get(entry.code)
    is_known = sku is not None
    if sku is None:
        sku = Sku(product=product, code=entry.code, created_at=goods.now)
        goods.skus[entry.code] = sku
        goods.new_skus[sku.pk] = sku
    is_new = sku.pk in goods.new_skus
    before = sku.stock
    values = {name: getattr(entry, name) for name in _SKU_FIELDS} | {
        "attributes": dict(entry.attributes),
        "stock": before if entry.stock is None else entry.stock,
    }
    if not _assign(sku, values) and is_known:
        return sku, False
    if sku.stock != before:
        reason = StockReason.INITIAL if is_new else StockReason.CORRECTION
        goods.stocks[reason].append(StockStep(sku.pk, before, sku.stock))
    if not is_new:
        sku.updated_at = goods.now
        goods.changed_skus[sku.pk] = sku
    return sku, True


def _find_fault(
    entry: ProductEntry, product: Product | None, skus: Mapping[str, Sku], merchants: _Merchants
) -> str:
    """Tell why an entry cannot be taken in, or "" if it can."""
    if product is None and merchants.get(entry.merchant) is None:
        return "a new product needs a merchant"
    codes = [sku.code for sku in entry.skus]
    for code in codes:
        if codes.count(code) > 1:
            return f"the code {code} comes twice"
        if code in skus and (product is None or skus[code].product_id != product.pk):
            return f"the code {code} is that of another product"
    return ""


def _product_values(
    entry: ProductEntry, product: Product, merchants: _Merchants
) -> Mapping[str, Any]:
    merchant = merchants.get(entry.merchant)
    is_kept = entry.merchant is None and bool(product.merchant_id)
    return {
        "name": entry.name,
        "description": entry.description,
        "images": list(entry.images),
        "merchant_id": product.merchant_id if is_kept or merchant is None else merchant.pk,
        "status": ShelfStatus.ON if entry.is_on_shelf else ShelfStatus.OFF,
        "translations": {tag: dict(texts) for tag, texts in entry.translations.items()},
    }


def _assign(row: Model, values: Mapping[str, Any]) -> bool:
    """Set a row's attributes, and tell whether any was different."""
    differing = [name for name, value in values.items() if not _is_same(getattr(row, name), value)]
    for name in differing:
        setattr(row, name, values[name])
    return bool(differing)


def _is_same(old: Any, new: Any) -> bool:
    """Tell whether two values are equal; the order of attributes counts, too."""
    return bool(old == new) and (not isinstance(new, dict) or list(old) == list(new))


def _find_merchant(entry: MerchantEntry) -> Merchant | None:
    """Find a merchant by the external id, or the oldest of that name that has no other one."""
    if entry.external_id is not None:
        known = Merchant.objects.filter(external_id=entry.external_id).first()
        if known is not None:
            return known
    named = Merchant.objects.filter(name=entry.name).order_by("created_at", "id")
    if entry.external_id is not None:
        named = named.filter(external_id=None)
    return named.first()


def _batch_entries(entries: Iterable[ProductEntry]) -> Iterator[list[ProductEntry]]:
    """Yield entries some at a time: few enough, with their SKUs, for a short transaction."""
    batch: list[ProductEntry] = []
    skus = 0
    for entry in entries:
        if batch and (len(batch) == _PRODUCTS_AT_ONCE or skus + len(entry.skus) > _SKUS_AT_ONCE):
            yield batch
            batch, skus = [], 0
        batch.append(entry)
        skus += len(entry.skus)
    if batch:
        yield batch


def _in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
