"""Batches: entries that can be tried, those that cannot, and what became of each, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from carts.domain.errors import AccessDenied, CartError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The well-formed entries of a batch, where each stood, and why the others are refused."""

    entries: list[T] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    refused: dict[int, CartError] = field(default_factory=dict)

    def failures(self, found: Mapping[int, CartError]) -> dict[int, CartError]:
        """Return every failure by its position in the request, given those among `entries`."""
        placed = {self.positions[index]: failure for index, failure in found.items()}
        return self.refused | placed


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


def present_results(
    names: Sequence[Mapping[str, Any]], failures: Mapping[int, CartError]
) -> list[dict[str, Any]]:
    """Return one result per entry, in request order; `names` say which entry each is."""
    return [
        {**name, "success": True}
        if position not in failures
        else {**name, "success": False, "message": describe_failure(failures[position])}
        for position, name in enumerate(names)
    ]


def describe_failure(failure: CartError) -> str:
    """Return the message of a failure inside a batch."""
    return "Access denied" if isinstance(failure, AccessDenied) else str(failure)


def name_additions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the results of a bulk add name their entries: as the request did."""
    return [
        {key: entry[key] for key in ("productId", "skuId") if key in entry}
        for entry in body["items"]
    ]
