"""Figures that are slow to read, kept in this process for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """What a function gave for the key it was last asked with; asked again after `lifetime`."""

    def __init__(self, read: Callable[[Key], Value], lifetime: timedelta) -> None:
        self._read = read
        self._lifetime = lifetime
        self._known: tuple[Key, datetime, Value] | None = None

    def get(self, key: Key, *, now: datetime) -> Value:
        """Return the value; raises what the function raises, and remembers nothing then."""
        known = self._known
        # A clock set back must not keep a value for longer.
        if known and known[0] == key and timedelta() <= now - known[1] < self._lifetime:
            return known[2]
        value = self._read(key)
        self._known = key, now, value
        return value

    def forget(self) -> None:
        """Ask again next time."""
        self._known = None
