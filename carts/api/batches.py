"""Batches: which entries can be tried, and the answers that tell what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from django.http import HttpResponse

from carts.api.presentation import answer_cart, present_cart
from carts.domain import errors
from carts.domain.errors import AccessDenied, CartError, ProductNotFound
from carts.operations.reading import CartView
from config.http.envelope import refuse
from config.http.errors import STATUSES

T = TypeVar("T")


class Failure(NamedTuple):
    """Why an entry of a batch was not done: the slug, and the message inside a batch."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The well-formed entries of a batch, where each stood, and why the others are refused."""

    entries: list[T] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    refused: dict[int, CartError] = field(default_factory=dict)

    def failures(self, found: Mapping[int, CartError]) -> dict[int, Failure]:
        """Return every failure by its position in the request, given those among `entries`."""
        placed = {self.positions[index]: failure for index, failure in found.items()}
        return describe_failures(self.refused | placed)


def sort_entries(read: Sequence[T | CartError]) -> Batch[T]:
    """Set apart the entries that could be read from those that could not."""
    batch: Batch[T] = Batch()
    for position, entry in enumerate(read):
        if isinstance(entry, CartError):
            batch.refused[position] = entry
        else:
            batch.entries.append(entry)
            batch.positions.append(position)
    return batch


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
        data=_present_results(names, failures),
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


def describe_failures(failures: Mapping[int, CartError]) -> dict[int, Failure]:
    """Return failures as they are told inside a batch."""
    return {
        position: Failure(
            failure.code, "Access denied" if isinstance(failure, AccessDenied) else str(failure)
        )
        for position, failure in failures.items()
    }


def keep_failures(failures: Mapping[int, Failure]) -> dict[str, str]:
    """Return of a bulk add's failures what a repeat of the request does not tell."""
    return {str(position): failure.code for position, failure in failures.items()}


def restore_failures(
    kept: Mapping[str, str], names: Sequence[Mapping[str, Any]]
) -> dict[int, Failure]:
    """Return the failures of a bulk add from what was kept of them, and its entries' names."""
    return {
        int(position): Failure(code, _restore_message(code, names[int(position)]))
        for position, code in kept.items()
    }


def name_additions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the results of a bulk add name their entries: as the request did."""
    return [
        {key: entry[key] for key in ("productId", "skuId") if key in entry}
        for entry in body["items"]
    ]


def _present_results(
    names: Sequence[Mapping[str, Any]], failures: Mapping[int, Failure]
) -> list[dict[str, Any]]:
    """Return one result per entry, in request order; `names` say which entry each is."""
    return [
        {**name, "success": True}
        if position not in failures
        else {**name, "success": False, "message": failures[position].message}
        for position, name in enumerate(names)
    ]


def _describe_batch(failures: Mapping[int, Failure], size: int) -> dict[str, Any]:
    return {
        "type": "batch_failed",
        "failedCount": len(failures),
        "successCount": size - len(failures),
        "codes": sorted({failure.code for failure in failures.values()}),
    }


def _restore_message(code: str, name: Mapping[str, Any]) -> str:
    if code == ProductNotFound.code:
        return str(ProductNotFound(product_id=name["productId"]))
    return _MESSAGES.get(code, "")


# No other message has parameters.
_MESSAGES = {
    kind.code: kind.message
    for kind in (
        errors.ProductIdRequired,
        errors.InvalidQuantity,
        errors.InvalidProductOrQuantity,
        errors.SkuRequired,
        errors.ProductNotAvailable,
        errors.CartFull,
        errors.InsufficientStock,
        errors.PurchaseLimitExceeded,
    )
}
