"""The catalogue's endpoints: public, read-only, the same for everybody."""

from typing import Any
from unicodedata import normalize

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from config.errors import InvalidField
from config.http.envelope import answer
from config.http.openapi import PAGE_PARAMETERS, document_answer, document_errors
from config.http.pagination import page_data, read_page
from config.http.ratelimit import Charge, RateLimit, client_network, enforce_limits_if_counted
from products.api.presentation import (
    present_merchant,
    present_product,
    present_product_with_skus,
)
from products.api.serializers import (
    MerchantPageSerializer,
    ProductDetailSerializer,
    ProductPageSerializer,
)
from products.errors import ProductNotFound
from products.listing import (
    MAX_SEARCH_RESULTS,
    NEWEST_FIRST,
    ORDERINGS,
    ProductQuery,
    find_merchants,
    find_products,
    get_product,
)

MAX_SEARCH_LENGTH = 100
MAX_SEARCH_WORDS = 10

_EXAMPLE_MERCHANT = {"id": "q7x1m0c4v9k2t8b5n3w6z0ha", "name": "澄明传感 Lumen Sensors"}
_EXAMPLE_PRODUCT = {
    "id": "h2v8k4m1x9c7b3n5w0q6t4zr",
    "name": "温湿度传感器 TH-100",
    "description": "瑞士芯片,±0.2 ℃。",
    "price": 149.99,
    "originalPrice": 199.99,
    "stock": 100,
    "images": ["/static/products/demo/th-100.svg"],
    "status": 1,
    "merchant": _EXAMPLE_MERCHANT,
    "skuCount": 1,
}
_EXAMPLE_SKU = {
    "id": "c5n0w8q3t6z1h9v2k7m4x0bd",
    "code": "TH-100-WHT",
    "attributes": {"颜色": "白"},
    "price": 149.99,
    "originalPrice": 199.99,
    "stock": 100,
    "purchaseLimit": None,
}

_QUERY_PARAMETERS = [
    OpenApiParameter(
        "search",
        {"type": "string", "maxLength": MAX_SEARCH_LENGTH},
        description=f"Up to {MAX_SEARCH_WORDS} words which must all occur, also in part, in the"
        " name, the description, the merchant's name, or a SKU's code or barcode; the width and"
        " composition of characters do not matter. A search shows and counts the first"
        f" {MAX_SEARCH_RESULTS:,} products.",
    ),
    OpenApiParameter("merchantId", OpenApiTypes.STR, description="One merchant's products only."),
    OpenApiParameter(
        "inStock",
        {"type": "string", "enum": ["true", "false"]},
        description="Only what can be had now, or only what is sold out.",
    ),
    OpenApiParameter(
        "ordering",
        {"type": "string", "enum": list(ORDERINGS), "default": NEWEST_FIRST},
        description="Newest first unless said otherwise; the price is that of the cheapest SKU.",
    ),
]


class _PublicViewSet(ViewSet):
    """Reads for everybody; a limit says how often from one address."""

    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        limit = RateLimit("catalogue-address", settings.RATE_LIMIT_CATALOGUE_PER_ADDRESS)
        enforce_limits_if_counted([Charge(limit, client_network(request))])


class ProductViewSet(_PublicViewSet):
    """Products on shelf."""

    @extend_schema(
        summary="List products",
        tags=["products"],
        parameters=[*_QUERY_PARAMETERS, *PAGE_PARAMETERS],
        responses={
            200: document_answer(
                ProductPageSerializer(),
                name="ProductPage",
                example={"items": [_EXAMPLE_PRODUCT], "total": 1, "page": 1, "pageSize": 20},
            ),
            **document_errors("invalid_field", "rate_limited"),
        },
    )
    def list(self, request: Request) -> HttpResponse:
        query, page = _read_query(request), read_page(request)
        products, total = find_products(query=query, rows=page.rows)
        return answer(page_data([present_product(each) for each in products], total, page))

    @extend_schema(
        summary="Show a product with its SKUs",
        tags=["products"],
        parameters=[OpenApiParameter("product_id", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses={
            200: document_answer(
                ProductDetailSerializer(),
                name="Product",
                example=_EXAMPLE_PRODUCT | {"skus": [_EXAMPLE_SKU]},
            ),
            **document_errors(ProductNotFound(), "rate_limited"),
        },
    )
    def retrieve(self, request: Request, product_id: str) -> HttpResponse:
        if not product_id.isprintable():
            raise ProductNotFound
        return answer(present_product_with_skus(get_product(product_id)))


class MerchantViewSet(_PublicViewSet):
    """Merchants."""

    @extend_schema(
        summary="List merchants by name",
        tags=["products"],
        parameters=[*PAGE_PARAMETERS],
        responses={
            200: document_answer(
                MerchantPageSerializer(),
                name="MerchantPage",
                example={"items": [_EXAMPLE_MERCHANT], "total": 1, "page": 1, "pageSize": 20},
            ),
            **document_errors("invalid_field", "rate_limited"),
        },
    )
    def list(self, request: Request) -> HttpResponse:
        page = read_page(request)
        merchants, total = find_merchants(rows=page.rows)
        return answer(page_data([present_merchant(each) for each in merchants], total, page))


def _read_query(request: Request) -> ProductQuery:
    """Read the query's parameters; an empty one counts as left out. Raises InvalidField."""
    in_stock = _read_text(request, "inStock")
    if in_stock not in _FLAGS:
        raise InvalidField(field="inStock", reason="must be true or false")
    ordering = _read_text(request, "ordering") or NEWEST_FIRST
    if ordering not in ORDERINGS:
        raise InvalidField(field="ordering", reason=f"must be one of {', '.join(ORDERINGS)}")
    return ProductQuery(
        words=_read_words(request),
        merchant_id=_read_text(request, "merchantId"),
        in_stock=_FLAGS[in_stock],
        ordering=ordering,
    )


_FLAGS = {"": None, "true": True, "false": False}


def _read_words(request: Request) -> tuple[str, ...]:
    # Normalized as in the database, which may turn another character into a space.
    words = tuple(normalize("NFKC", _read_text(request, "search")).split())
    if len(words) > MAX_SEARCH_WORDS:
        raise InvalidField(field="search", reason=f"must have at most {MAX_SEARCH_WORDS} words")
    return words


def _read_text(request: Request, name: str) -> str:
    text = request.GET.get(name, "")
    if len(text) > MAX_SEARCH_LENGTH:
        raise InvalidField(field=name, reason=f"must have at most {MAX_SEARCH_LENGTH} characters")
    if "\0" in text:
        raise InvalidField(field=name, reason="must not contain NUL")
    return text
