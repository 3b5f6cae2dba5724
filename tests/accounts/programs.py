"""Programs of the shop, which call the API by service keys."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.keys import add_key
from accounts.models import ServiceKey
from accounts.scopes import Scope

_numbers = count(1)


@dataclass
class Program:
    """A program with a key of its own; `name` is the key's."""

    name: str
    secret: str
    client: Client = field(default_factory=Client)

    @property
    def key(self) -> ServiceKey:
        return ServiceKey.objects.get(name=self.name)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def call(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        """Send JSON to /api and return the response."""
        return self.send(method, path, b"" if body is None else json.dumps(body).encode(), query)

    def send(self, method: str, path: str, content: bytes, query: Any = None) -> Any:
        """Send a body as it is to /api."""
        return self.client.generic(
            method,
            f"/api{path}",
            content,
            "application/json",
            headers=self.headers,
            query_params=query,
        )

    def data(self, method: str, path: str, body: Any = None, query: Any = None) -> Any:
        """Send a call that succeeds, and return its data."""
        envelope = self.call(method, path, body, query).json()
        assert (envelope["code"], envelope["message"]) == (200, "Success"), envelope
        return envelope["data"]


def new_program(
    *scopes: str, name: str | None = None, expires_at: datetime | None = None
) -> Program:
    """Return a program with a key of these scopes, or of all."""
    named = name or f"erp-{next(_numbers)}"
    wanted = [Scope(each) for each in scopes or Scope.values]
    key = add_key(name=named, scopes=wanted, expires_at=expires_at, now=timezone.now())
    return Program(named, key.secret)
