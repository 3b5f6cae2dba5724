"""The answers of the cart's calls: the cart after the change, or what became of each entry."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from carts.api.batches import Failure, present_results
from carts.api.presentation import CartDocument, matches_etag, present_cart
from carts.operations.lines import BatchResult
from carts.operations.reading import CartView
from config.http.envelope import answer, refuse
from config.http.errors import STATUSES


def answer_cart(view: CartView, *, message: str = "Success") -> HttpResponse:
    """Return the whole cart."""
    return _answer_document(present_cart(view), message)


def answer_single(result: BatchResult, *, message: str) -> HttpResponse:
    """Return the whole cart after a change of one entry; raises what the entry failed with."""
    return answer_cart(result.require_done(), message=message)


def answer_added(result: BatchResult) -> HttpResponse:
    """Return the cart after an addition, with the lines once more as `list` for older clients."""
    return answer_with_list(result.require_done(), message="Product added to cart successfully")


def answer_with_list(view: CartView, *, message: str, **members: Any) -> HttpResponse:
    """Return the cart with its lines once more as `list`, and further members."""
    document = present_cart(view)
    data = document.data | {"list": document.data["items"]} | members
    return _answer_document(CartDocument(data, document.etag), message)


def answer_merged(view: CartView, report: Mapping[str, Any]) -> HttpResponse:
    """Return the user's cart after a merge, and what the merge did."""
    return answer_with_list(view, message="Cart merged successfully", merge=report)


def answer_batch(
    view: CartView,
    *,
    verb: str,
    names: Sequence[Mapping[str, Any]],
    failures: Mapping[int, Failure],
) -> HttpResponse:
    """Return the cart if every entry was done, else 400 with the result of each."""
    if not failures:
        return answer_cart(view)
    return refuse(
        status=STATUSES["batch_failed"],
        message=f"Failed to {verb} {len(failures)} items",
        error=_describe_batch(failures, len(names)),
        data=present_results(names, failures),
        headers={"ETag": present_cart(view).etag},
    )


def answer_removed_batch(
    view: CartView, *, item_ids: Sequence[str], failures: Mapping[int, Failure]
) -> HttpResponse:
    """Return the cart if every line was removed, else 400 with each result and the cart."""
    if not failures:
        return answer_cart(view)
    results = [
        {"itemId": item_id, "success": True, "message": "Removed successfully"}
        if position not in failures
        else {
            "itemId": item_id,
            "success": False,
            "message": failures[position].message,
        }
        for position, item_id in enumerate(item_ids)
    ]
    document = present_cart(view)
    return refuse(
        status=STATUSES["batch_failed"],
        message=f"Failed to remove {len(failures)} out of {len(item_ids)} items",
        error=_describe_batch(failures, len(item_ids)),
        data={
            "results": results,
            "cart": document.data,
            "failedCount": len(failures),
            "successCount": len(item_ids) - len(failures),
        },
        headers={"ETag": document.etag},
    )


def is_unmodified(request: Request, document: CartDocument) -> bool:
    """Tell whether the client's copy is still what would be answered."""
    known = request.META.get("HTTP_IF_NONE_MATCH")
    return known is not None and matches_etag(known, document.etag)


def answer_unmodified(document: CartDocument) -> HttpResponse:
    """Return a 304, which has no body and so no type of one."""
    response = HttpResponse(status=304, headers={"ETag": document.etag})
    del response["Content-Type"]
    return response


def _answer_document(document: CartDocument, message: str) -> HttpResponse:
    return answer(document.data, message=message, headers={"ETag": document.etag})


def _describe_batch(failures: Mapping[int, Failure], size: int) -> dict[str, Any]:
    return {
        "type": "batch_failed",
        "failedCount": len(failures),
        "successCount": size - len(failures),
        "codes": sorted({failure.code for failure in failures.values()}),
    }
