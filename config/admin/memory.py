"""Figures that are slow to read, kept in this process for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """A function's last value, kept for `lifetime` and for the key that it was read for."""

    def __init__(self, read: Callable[[Key], Value], lifetime: timedelta) -> None:
        self._read = read
        self._lifetime = lifetime
        self._known: tuple[Key, datetime, Value] | None = None

    def get(self, key: Key, *, now: datetime) -> Value:
        """Return the value. Raises what the function raises; nothing is remembered then."""
        known = self._known
        # If the clock was set back, the value's age is not known.
        if known and known[0] == key and timedelta() <= now - known[1] < self._lifetime:
            return known[2]
        value = self._read(key)
        self._known = key, now, value
        return value

    def forget(self) -> None:
        """Read the value anew next time."""
        self._known = None
