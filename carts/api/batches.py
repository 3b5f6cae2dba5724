"""Batches: which entries can be tried, and the answers that tell what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from django.http import HttpResponse

from carts.api.presentation import answer_cart, present_cart
from carts.domain import errors
from carts.domain.errors import AccessDenied, CartError, ProductNotFound
from carts.operations.reading import CartView
from config.http.errors import refuse_service_error

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


@dataclass(eq=False)
class BatchFailed(CartError):
    """Some entries of a batch were refused; the others are done. `sentence` says it to people."""

    code: ClassVar[str] = "batch_failed"

    failed_count: int
    success_count: int
    codes: list[str]
    sentence: InitVar[str]

    def __post_init__(self, sentence: str) -> None:
        self.args = (sentence,)

    def __str__(self) -> str:
        return str(self.args[0])


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
    error = _sum_up(failures, len(names), f"Failed to {verb} {len(failures)} items")
    results = _present_results(names, failures)
    return refuse_service_error(error, data=results, headers={"ETag": present_cart(view).etag})


def answer_removed_batch(
    view: CartView, *, item_ids: Sequence[str], failures: Mapping[int, Failure]
) -> HttpResponse:
    """Return the cart if every line was removed, else 400 with each result and the cart."""
    if not failures:
        return answer_cart(view)
    size, document = len(item_ids), present_cart(view)
    error = _sum_up(failures, size, f"Failed to remove {len(failures)} out of {size} items")
    names = [{"itemId": item_id} for item_id in item_ids]
    data = {
        "results": _present_results(names, failures, message="Removed successfully"),
        "cart": document.data,
        "failedCount": error.failed_count,
        "successCount": error.success_count,
    }
    return refuse_service_error(error, data=data, headers={"ETag": document.etag})


def describe_failures(failures: Mapping[int, CartError]) -> dict[int, Failure]:
    """Return failures as they are told inside a batch."""
    return {
        position: Failure(
            failure.code, "Access denied" if isinstance(failure, AccessDenied) else str(failure)
        )
        for position, failure in failures.items()
    }


def keep_failures(failures: Mapping[int, Failure]) -> dict[str, str]:
    """Return the part of a bulk add's failures that a repeat of the request does not tell."""
    return {str(position): failure.code for position, failure in failures.items()}


def restore_failures(
    kept: Mapping[str, str], names: Sequence[Mapping[str, Any]]
) -> dict[int, Failure]:
    """Return the failures of a bulk add from the part that was kept, and its entries' names."""
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
    names: Sequence[Mapping[str, Any]], failures: Mapping[int, Failure], **done: str
) -> list[dict[str, Any]]:
    """Return one result per entry, in request order; `names` say which entry each is."""
    return [
        {**name, "success": True, **done}
        if position not in failures
        else {**name, "success": False, "message": failures[position].message}
        for position, name in enumerate(names)
    ]


def _sum_up(failures: Mapping[int, Failure], size: int, sentence: str) -> BatchFailed:
    codes = sorted({failure.code for failure in failures.values()})
    return BatchFailed(len(failures), size - len(failures), codes, sentence)


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
