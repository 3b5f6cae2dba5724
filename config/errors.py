"""The base of every expected failure; `config.http.errors` has the status of each."""

import dataclasses
from typing import Any, ClassVar

from config.notation import camel_case

# What people are told while a part of the service cannot be reached.
UNAVAILABLE = "Service is temporarily unavailable"


@dataclasses.dataclass(eq=False)
class ServiceError(Exception):
    """An expected failure.

    Subclasses are `@dataclass(eq=False)`: `code` is the slug clients rely on, `message` the
    sentence for people (override `__str__` where it has parameters), and the dataclass fields
    appear beside the slug under camelCase names.
    """

    code: ClassVar[str]
    message: ClassVar[str]

    def __str__(self) -> str:
        return self.message

    def describe(self) -> dict[str, Any]:
        """Return the `error` member of the envelope."""
        fields = {camel_case(f.name): getattr(self, f.name) for f in dataclasses.fields(self)}
        return {"type": self.code} | fields


@dataclasses.dataclass(eq=False)
class InvalidField(ServiceError):
    """A field of the body, the query or a header is not what it must be."""

    code: ClassVar[str] = "invalid_field"
    message: ClassVar[str] = "Invalid request"

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"
