"""How the bulk calls look in the OpenAPI schema."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from config.errors import InvalidField
from config.http.openapi import BODY_ERRORS, EXAMPLE_TIME, document_answer, document_errors
from config.http.scopes import InsufficientScope
from products.api.bulk_inputs import (
    DEFAULT_FEED_LIMIT,
    MAX_FEED_LIMIT,
    MAX_NOTE_LENGTH,
    MAX_PRODUCTS,
    MAX_SKUS,
)
from products.api.bulk_serializers import (
    CodeResultsSerializer,
    FeedPageSerializer,
    PricesBody,
    ProductResultsSerializer,
    ProductsBody,
    StockBody,
)

_SKU = {
    "code": "TH-100-WHT",
    "externalId": "4711",
    "attributes": {"颜色": "白"},
    "price": 149.99,
    "originalPrice": 199.99,
    "stock": 100,
    "tracksStock": True,
    "purchaseLimit": None,
    "minQuantity": None,
    "quantityStep": None,
    "barcode": "4006381333931",
    "isActive": True,
}
_PRODUCT = {
    "externalId": "th-100",
    "name": "温湿度传感器 TH-100",
    "description": "瑞士芯片,±0.2 ℃。",
    "images": ["https://example.com/th-100.jpg"],
    "merchant": {"externalId": None, "name": "澄明传感 Lumen Sensors"},
    "status": 1,
    "translations": {"en": {"name": "Sensor TH-100", "attributes": {"颜色": "Colour"}}},
    "skus": [_SKU],
}
_FEED_PRODUCT = {"id": "h2v8k4m1x9c7b3n5w0q6t4zr", **_PRODUCT, "updatedAt": EXAMPLE_TIME}
_EACH = (
    "Each entry is done by itself. If any could not be, the answer is 400 with `batch_failed`, the "
    "others are done, and `data` tells of every entry by its index."
)
_KEY_ERRORS: tuple[str | Exception, ...] = (
    "not_authenticated",
    "token_not_valid",
    "rate_limited",
    "database_busy",
    "database_unavailable",
)


def _show_results(name: str, known: str) -> dict[str, Any]:
    return {"results": [{"index": 0, name: known, "success": True, "outcome": "changed"}]}


def _show_failure(name: str, results: Mapping[str, Any]) -> OpenApiExample:
    failed = {
        "index": 1,
        name: "?",
        "success": False,
        "outcome": None,
        "message": "there is no SKU of the code ?"
        if name == "code"
        else "a new product needs a merchant",
    }
    value = {
        "code": 400,
        "message": "Failed to write 1 entries",
        "data": {"results": [*results["results"], failed]},
        "success": False,
        "error": {"type": "batch_failed", "failedCount": 1, "successCount": 1},
        "timestamp": EXAMPLE_TIME,
    }
    return OpenApiExample("batch_failed", value, response_only=True)


def _document_write(
    *,
    operation_id: str,
    summary: str,
    description: str,
    scope: str,
    body: Any,
    bodies: Mapping[str, Any],
    results: tuple[str, Any, str, str],
    fault: InvalidField,
    parameters: tuple[OpenApiParameter, ...] = (),
) -> Callable[[Any], Any]:
    """Describe a call that writes entries; `results` is their shape, its name, and an example."""
    name, shape, known_as, known = results
    shown = _show_results(known_as, known)
    errors = document_errors(
        *_KEY_ERRORS, *BODY_ERRORS, InsufficientScope(scope=scope), fault, "batch_failed"
    )
    refusal = errors[400]
    errors[400] = OpenApiResponse(
        refusal.response,
        description=refusal.description,
        examples=[*refusal.examples, _show_failure(known_as, shown)],
    )
    return extend_schema(
        operation_id=operation_id,
        tags=["catalogue"],
        summary=summary,
        description=f"{description} {_EACH} Needs a service key with the scope `{scope}`.",
        parameters=list(parameters),
        request=body,
        responses={200: document_answer(shape, name=name, example=shown), **errors},
        examples=[
            OpenApiExample(title, value, request_only=True) for title, value in bodies.items()
        ],
    )


READ_PRODUCTS = extend_schema(
    operation_id="readCatalogue",
    tags=["catalogue"],
    summary="Read products as they are written",
    description=(
        "All products that are not deleted in the order of their ids, or those that have changed. "
        "To miss nothing, read all pages, and the next time ask for what has changed since the "
        "`timestamp` of the first one; what changed meanwhile may come again. Sales, and changes "
        "of a stock alone, are no changes of a product. Needs a service key with the scope "
        "`catalogue:read`."
    ),
    parameters=[
        OpenApiParameter(
            "updatedSince",
            OpenApiTypes.DATETIME,
            description="Only what has changed since, itself, in its SKUs or its merchant's name; "
            "what changed up to five minutes earlier may come as well.",
        ),
        OpenApiParameter(
            "cursor", OpenApiTypes.STR, description="The `nextCursor` of the page before."
        ),
        OpenApiParameter(
            "limit",
            {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_FEED_LIMIT,
                "default": DEFAULT_FEED_LIMIT,
            },
        ),
    ],
    responses={
        200: document_answer(
            FeedPageSerializer(),
            name="CataloguePage",
            example={"items": [_FEED_PRODUCT], "nextCursor": None},
        ),
        **document_errors(
            *_KEY_ERRORS,
            InsufficientScope(scope="catalogue:read"),
            InvalidField(field="cursor", reason="must be the nextCursor of a page"),
        ),
    },
)
WRITE_PRODUCTS = _document_write(
    operation_id="writeProducts",
    summary="Add or change products with their SKUs",
    description=(
        f"Up to {MAX_PRODUCTS} products, known by `externalId`, with SKUs, known by `code`. SKUs "
        "that are not named stay as they are, and so does a stock that is not told. "
        "`id` and `updatedAt`, as they were read, mean nothing."
    ),
    scope="catalogue:write",
    body=ProductsBody,
    bodies={"One product": {"products": [_PRODUCT]}},
    results=("ProductResults", ProductResultsSerializer(), "externalId", "th-100"),
    fault=InvalidField(field="products", reason=f"must have 1 to {MAX_PRODUCTS:,} entries"),
    parameters=(
        OpenApiParameter(
            "dryRun",
            {"type": "string", "enum": ["true", "false"], "default": "false"},
            description="Tell what would become of the entries, and change nothing.",
        ),
    ),
)
WRITE_STOCK = _document_write(
    operation_id="writeStock",
    summary="Set stocks, or add units to them",
    description=(
        f"Up to {MAX_SKUS:,} entries: `levels` are what was counted, and undo what was sold since; "
        "`deltas` add up with sales and with each other, and count again if they come again."
        " Every change of a stock is kept with its `reason`, `note` (at most"
        f" {MAX_NOTE_LENGTH} characters) and the key's name."
    ),
    scope="stock:write",
    body=StockBody,
    bodies={
        "Levels": {"levels": [{"code": "TH-100-WHT", "stock": 97}], "reason": "count"},
        "Deltas": {
            "deltas": [{"code": "TH-100-WHT", "units": 40}, {"code": "TH-100-BLK", "units": -2}],
            "reason": "delivery",
            "note": "PO 2026-118",
        },
    },
    results=("CodeResults", CodeResultsSerializer(), "code", "TH-100-WHT"),
    fault=InvalidField(field="levels", reason=f"must have 1 to {MAX_SKUS:,} entries"),
)
WRITE_PRICES = _document_write(
    operation_id="writePrices",
    summary="Set prices",
    description=(
        f"Up to {MAX_SKUS:,} prices by SKU code. An `originalPrice` that is left out stays; null "
        "takes it away."
    ),
    scope="catalogue:write",
    body=PricesBody,
    bodies={
        "Reduced": {"prices": [{"code": "TH-100-WHT", "price": 129.99, "originalPrice": 149.99}]}
    },
    results=("CodeResults", CodeResultsSerializer(), "code", "TH-100-WHT"),
    fault=InvalidField(field="prices", reason=f"must have 1 to {MAX_SKUS:,} entries"),
)
