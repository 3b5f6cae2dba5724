"""100,000 products: how long lists of them take, and a cart beside those who list."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from config.http.pagination import PageRequest
from products.listing import ProductQuery, find_products, get_product
from products.models import Merchant, Product, ProductListing, Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.load import Call, make_load
from tests.benchmarks.probes import find_percentile, read_cart
from tests.benchmarks.shop import make_buyers

_PRODUCTS = 100_000
_BATCH = 5_000
_MERCHANTS = 200
# One merchant has a third of all, the others share the rest.
_LARGEST_SHARE = 3
_SOLD_OUT_EVERY = 5
_KINDS = (
    "温湿度传感器",
    "不锈钢保温杯",
    "实木书桌",
    "LED Desk Lamp",
    "Noise-cancelling Headphones",
    "茶",
)
_SENTENCES = (
    "Measures temperature and humidity, reports every ten seconds and runs for two years.",
    "进口食品级材质,轻便耐用,一年质保,七天无理由退换。",
    "Ships within a day from the nearest warehouse, in plastic-free packaging.",
    "适合家庭、办公室与户外使用。",
)
_PAGE_SIZE = 20
_STATEMENTS = 3
# How often a cart is read in peace, and how long the catalogue is listed meanwhile.
_PROBES = 300
_LISTING_SECONDS = 5

Row = tuple[str, float, float, float]

_LISTS = {
    "newest first": ProductQuery(),
    "by price": ProductQuery(ordering="price"),
    "dearest first": ProductQuery(ordering="-price"),
    "by name": ProductQuery(ordering="name"),
    "in stock, by price": ProductQuery(in_stock=True, ordering="price"),
    "sold out, by price": ProductQuery(in_stock=False, ordering="price"),
    "largest merchant, by price": ProductQuery(merchant_id="merchant0", ordering="price"),
    "small merchant, by price": ProductQuery(merchant_id="merchant7", ordering="price"),
    "search: all": ProductQuery(words=("e",)),
    "search: half, two words": ProductQuery(words=("temperature", "two"), ordering="price"),
    "search: a sixth, two letters": ProductQuery(words=("书桌",), ordering="price"),
    "search: a tenth, of stock": ProductQuery(
        words=("保温杯", "7"), in_stock=True, ordering="price"
    ),
    "search: one in 10,000": ProductQuery(words=("no.", "1234"), ordering="price"),
    "search: nothing": ProductQuery(words=("barometer",)),
    "search: nothing, one letter": ProductQuery(words=("锅",)),
}


def measure(bench: Bench) -> list[Table]:
    """Fill a catalogue, and time each statement of its lists' first and last pages."""
    _fill()
    any_id = ProductListing.objects.values_list("pk", flat=True)[_PRODUCTS // 2]
    rows: list[Row] = [("one product", *_time(lambda: get_product(any_id), bench.rounds))]
    for name, query in _LISTS.items():
        _, total = find_products(query=query, rows=slice(0, 1))
        first, last = _page(query, 1), _page(query, max(1, -(-total // _PAGE_SIZE)))
        rows.append((f"{name} ({total:,})", *_time(first, bench.rounds)))
        rows.append(("    last page", *_time(last, bench.rounds)))
    columns = ("query", "count ms", "page ms", "SKUs ms")
    title = f"Queries on {_PRODUCTS:,} products, medians of {bench.rounds}"
    return [Table(title, columns, rows), _read_cart_beside(bench)]


def _read_cart_beside(bench: Bench) -> Table:
    """Read a cart in peace and beside two clients who list the catalogue by price, in turns."""
    port = urlsplit(bench.url).port
    if port is None:
        raise AssertionError
    (buyer,) = make_buyers(bench.url, list(Sku.objects.filter(stock__gt=0)[:5]), number=1, lines=5)
    taken: dict[str, list[float]] = {"nobody": [], "two who list": []}
    for _ in range(bench.rounds):
        taken["nobody"] += read_cart(port, buyer.token, times=_PROBES)
        with ThreadPoolExecutor() as pool:
            listing = pool.submit(
                make_load,
                bench.url,
                [Call("GET", "/products?ordering=price")],
                connections=2,
                seconds=_LISTING_SECONDS,
            )
            while not listing.done():
                taken["two who list"] += read_cart(port, buyer.token, times=1)
            listing.result()
    return Table(
        "GET cart, 5 lines, beside",
        ("clients", "p50 ms", "p90 ms", "p99 ms"),
        [
            (name, *(find_percentile(each, share) for share in (0.5, 0.9, 0.99)))
            for name, each in taken.items()
        ],
    )


def _page(query: ProductQuery, number: int) -> Callable[[], object]:
    return lambda: find_products(query=query, rows=PageRequest(number, _PAGE_SIZE).rows)


def _time(action: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return the median time of each of an action's up to three statements, in milliseconds."""
    taken: list[list[float]] = []

    def clock(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        result = execute(sql, params, many, context)
        taken[-1].append((time.perf_counter() - began) * 1_000)
        return result

    with connection.execute_wrapper(clock):
        for _ in range(rounds):
            taken.append([])
            action()
    medians = [median(times) for times in zip(*taken, strict=True)]
    first, second, third = medians + [0.0] * (_STATEMENTS - len(medians))
    return first, second, third


def _fill() -> None:
    chance = random.Random(6)
    Merchant.objects.bulk_create(
        Merchant(id=f"merchant{n}", name=f"商家 {n}") for n in range(_MERCHANTS)
    )
    for start in range(0, _PRODUCTS, _BATCH):
        products = [_make_product(number, chance) for number in range(start, start + _BATCH)]
        Product.objects.bulk_create(products)
        Sku.objects.bulk_create(
            sku
            for number, product in enumerate(products, start)
            for sku in _make_skus(number, product, chance)
        )
    with connection.cursor() as cursor:
        # Autovacuum would do it within a minute.
        cursor.execute("VACUUM ANALYZE")


def _make_product(number: int, chance: random.Random) -> Product:
    merchant = number % _MERCHANTS if number % _LARGEST_SHARE else 0
    return Product(
        merchant_id=f"merchant{merchant}",
        name=f"{_KINDS[number % len(_KINDS)]} No. {number}",
        description=" ".join(chance.sample(_SENTENCES, 2)),
        images=[f"/static/products/{number}/front.svg"],
    )


def _make_skus(number: int, product: Product, chance: random.Random) -> Iterator[Sku]:
    stock = 0 if number % _SOLD_OUT_EVERY == 0 else 50
    for variant in range(1 + number % 3):
        price = Decimal(chance.randrange(100, 1_000_000)).scaleb(-2)
        yield Sku(product=product, code=f"{number}-{variant}", price=price, stock=stock)
