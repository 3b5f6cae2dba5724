"""How the cart's calls look in the OpenAPI schema."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.serializers import Serializer

from carts.api import examples
from carts.api import serializers as shapes
from carts.api.batches import BatchFailed
from carts.domain import errors
from config.http.openapi import (
    BODY_ERRORS,
    ETAG_HEADER,
    GUEST_ID_HEADER,
    IDEMPOTENCY_KEY_HEADER,
    IF_MATCH_HEADER,
    IF_NONE_MATCH_HEADER,
    KEY_ERRORS,
    REPLAYED_HEADER,
    document_answer,
    document_errors,
    document_refusal,
)
from config.http.ratelimit import RateLimited

View = TypeVar("View", bound=type)


def document_calls(view: View) -> View:
    """Give every call of the cart's view set its documentation; a class decorator."""
    for name, describe in _CALLS.items():
        setattr(view, name, describe(getattr(view, name)))
    return view


_ITEM_ID = OpenApiParameter("item_id", OpenApiTypes.STR, OpenApiParameter.PATH)
_REPEATABLE = (IDEMPOTENCY_KEY_HEADER, REPLAYED_HEADER)

_READ_ERRORS: tuple[str | Exception, ...] = (
    errors.GuestIdRequired(),
    errors.InvalidGuestId(),
    errors.CartStoreUnavailable(),
    "token_not_valid",
    "database_unavailable",
)
_WRITE_ERRORS = (*_READ_ERRORS, "database_busy", RateLimited(retry_after_seconds=17))
_LINE_ERRORS = (errors.AccessDenied(), errors.ItemNotFound(), errors.CartNotFound())
_SCARCITY_ERRORS = (
    errors.InsufficientStock(available=5, in_cart=3, requested=4),
    errors.PurchaseLimitExceeded(limit=5, remaining=3, in_cart=1, requested=3),
)
_QUANTITY_ERRORS = (errors.InvalidQuantity(), errors.InvalidProductOrQuantity())
_INVALID_BATCH = errors.InvalidBatch(
    max_entries=100, reason="items must be an array of 1 to 100 entries"
)
_ADD_FAILED = BatchFailed(1, 1, ["insufficient_stock"], "Failed to add 1 items")
_UPDATE_FAILED = BatchFailed(1, 1, ["item_not_found"], "Failed to update 1 items")
_REMOVE_FAILED = BatchFailed(1, 1, ["item_not_found"], "Failed to remove 1 out of 2 items")

_CHANGED = document_refusal(
    errors.CartChanged(), data=shapes.CartResponse(), name="CartChanged", example=examples.CART
)


def _answer(
    shape: type[Serializer[Any]], example: Any, message: str = "Success"
) -> OpenApiResponse:
    name = shape.__name__.removesuffix("Response")
    return document_answer(shape(), name=name, message=message, example=example)


_CART = _answer(shapes.CartResponse, examples.CART)


def _describe_read(
    operation_id: str,
    summary: str,
    *,
    answers: dict[int, OpenApiResponse],
    parameters: tuple[OpenApiParameter, ...] = (),
    **options: Any,
) -> Callable[[Any], Any]:
    return extend_schema(
        operation_id=operation_id,
        tags=["Cart"],
        summary=summary,
        parameters=[GUEST_ID_HEADER, *parameters],
        responses=answers | document_errors(*_READ_ERRORS),
        **options,
    )


def _describe_write(
    operation_id: str,
    summary: str,
    *,
    answer: OpenApiResponse = _CART,
    owner: tuple[OpenApiParameter, ...] = (GUEST_ID_HEADER,),
    failures: tuple[str | Exception, ...] = (),
    parameters: tuple[OpenApiParameter, ...] = (),
    body: dict[str, Any] | None = None,
    partial: Any = None,
    **options: Any,
) -> Callable[[Any], Any]:
    """Describe a change.

    `owner` says how a request names the cart's owner, if not by a token alone. `body` holds
    examples of the body by name. `partial` is the data of a batch that failed in part.
    """
    if body:
        failures = (*BODY_ERRORS, *failures)
    responses = document_errors(*_WRITE_ERRORS, *failures, data={BatchFailed.code: partial})
    return extend_schema(
        operation_id=operation_id,
        tags=["Cart"],
        summary=summary,
        parameters=[*owner, IF_MATCH_HEADER, ETAG_HEADER, *parameters],
        responses={200: answer, **responses, **_CHANGED},
        examples=[
            OpenApiExample(name, value, request_only=True) for name, value in (body or {}).items()
        ],
        **options,
    )


_PARTIAL = (
    "What could be done is done. If anything could not, the answer is 400 with `batch_failed`, "
    "and `data` tells of every entry."
)

_CALLS: dict[str, Callable[[Any], Any]] = {
    "retrieve": _describe_read(
        "getCart",
        "Read the cart",
        description=(
            "Prices, names and stock are those of this moment. A cart that does not exist yet "
            "reads as an empty one; its `id` stays when the first line is added."
        ),
        parameters=(IF_NONE_MATCH_HEADER, ETAG_HEADER),
        answers={200: _CART, 304: OpenApiResponse(description="The copy at hand is good.")},
    ),
    "add": _describe_write(
        "addToCart",
        "Add units of a SKU",
        request=shapes.AdditionBody,
        body={"Two units": examples.ADDITION},
        parameters=_REPEATABLE,
        answer=_answer(
            shapes.ListedCartResponse, examples.ADDED_CART, "Product added to cart successfully"
        ),
        failures=(
            *KEY_ERRORS,
            errors.ProductIdRequired(),
            *_QUANTITY_ERRORS,
            errors.ProductNotFound(product_id=examples.ADDITION["productId"]),
            errors.SkuRequired(sku_ids=[examples.ADDITION["skuId"]]),
            errors.ProductNotAvailable(),
            errors.CartFull(),
            *_SCARCITY_ERRORS,
        ),
    ),
    "add_batch": _describe_write(
        "addBatchToCart",
        "Add units of many SKUs",
        description=_PARTIAL,
        request=shapes.AdditionBatchBody,
        body={"One product": {"items": [examples.ADDITION]}},
        parameters=_REPEATABLE,
        failures=(
            *KEY_ERRORS,
            _INVALID_BATCH,
            _ADD_FAILED,
        ),
        partial=examples.ADD_RESULTS,
    ),
    "update_batch": _describe_write(
        "updateCartItems",
        "Set quantities and selections of many lines",
        description=_PARTIAL,
        request=shapes.UpdateBatchBody,
        body={"Two lines": {"items": [{"itemId": examples.ITEM_ID, "quantity": 2}]}},
        failures=(_INVALID_BATCH, _UPDATE_FAILED),
        partial=examples.UPDATE_RESULTS,
    ),
    "remove_batch": _describe_write(
        "removeCartItems",
        "Remove many lines",
        description=_PARTIAL,
        request={"application/json": shapes.ItemIdsBody},
        body={"A line": {"itemIds": [examples.GONE_ITEM_ID]}},
        failures=(
            _INVALID_BATCH,
            _REMOVE_FAILED,
        ),
        partial=examples.REMOVAL,
    ),
    "update_item": _describe_write(
        "updateCartItem",
        "Set the quantity or the selection of a line",
        request=shapes.UpdateBody,
        body={"Two units": {"quantity": 2}, "Not this time": {"selected": False}},
        parameters=(_ITEM_ID,),
        answer=_answer(shapes.CartResponse, examples.CART, "Cart item updated successfully"),
        failures=(
            errors.InvalidUpdate(),
            *_QUANTITY_ERRORS,
            errors.ProductNotAvailable(),
            *_LINE_ERRORS,
            "not_found",
            *_SCARCITY_ERRORS,
        ),
    ),
    "remove_item": _describe_write(
        "removeCartItem",
        "Remove a line, also one that cannot be bought",
        request=None,
        parameters=(_ITEM_ID,),
        answer=_answer(
            shapes.CartResponse, examples.CART, "Product removed from cart successfully"
        ),
        failures=(*_LINE_ERRORS, "not_found"),
    ),
    "clear": _describe_write(
        "clearCart",
        "Remove every line",
        request=None,
        answer=_answer(shapes.CartResponse, examples.EMPTY_CART, "Cart cleared successfully"),
    ),
    "select": _describe_write(
        "selectCartItems",
        "Select or deselect lines",
        description=f"For checkout, by line, by merchant, or all of them. {_PARTIAL}",
        request=shapes.SelectionBody,
        body={
            "Every line": {"all": True, "selected": True},
            "One merchant's": {"merchantId": "q7x1m0c4v9k2t8b5n3w6z0ha", "selected": False},
            "Some lines": {"itemIds": [examples.ITEM_ID], "selected": True},
        },
        failures=(
            errors.InvalidSelection(),
            _INVALID_BATCH,
            _UPDATE_FAILED,
        ),
        partial=examples.UPDATE_RESULTS,
    ),
    "summarize": _describe_read(
        "getCartSummary",
        "Read the totals alone",
        answers={200: _answer(shapes.CartSummary, examples.SUMMARY)},
    ),
    "validate": _describe_read(
        "validateCart",
        "Tell what is wrong with each line, unavailable ones too",
        answers={200: _answer(shapes.CartValidation, examples.VALIDATION)},
    ),
    "acknowledge": _describe_write(
        "acknowledgePrices",
        "Take live prices as those the lines were added at",
        request=shapes.AcknowledgeBody,
        body={"Every line": {}, "One line": {"itemIds": [examples.ITEM_ID]}},
        failures=(*_LINE_ERRORS, _INVALID_BATCH),
    ),
    "merge": _describe_write(
        "mergeCart",
        "Move a guest's lines into the user's cart",
        description=(
            "Quantities are capped at stock and limit instead of failing, and lines that cannot be "
            "bought now are kept. Afterwards the guest's cart is empty; merging again, or merging "
            "an id without a cart, changes nothing."
        ),
        owner=(),
        request=shapes.MergeBody,
        body={"The larger quantity": {"guestSessionId": examples.GUEST_ID, "strategy": "max"}},
        parameters=_REPEATABLE,
        answer=_answer(shapes.MergedCartResponse, examples.MERGED_CART, "Cart merged successfully"),
        failures=(*KEY_ERRORS, errors.InvalidStrategy(), NotAuthenticated()),
    ),
}
