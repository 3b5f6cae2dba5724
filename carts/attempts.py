"""Attempts at a change which is planned for a state that others may change before it is made."""

import logging
from collections.abc import Callable
from typing import TypeVar

from carts.domain.errors import CartContended

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
State = TypeVar("State")

MAX_ATTEMPTS = 8


class Overtaken(Exception):
    """Another change came first, so an attempt must begin again; the argument says why."""


def attempt_until_done(
    attempt: Callable[[], Result], *, contended: type[Exception] = CartContended
) -> Result:
    """Return what the attempt returns; begin it again, from its reading, where it was Overtaken.

    Raises `contended` after MAX_ATTEMPTS, and whatever else the attempt raises at once.
    """
    return attempt_from(None, lambda _: attempt(), read=lambda: None, contended=contended)


def attempt_from(
    state: State,
    attempt: Callable[[State], Result],
    *,
    read: Callable[[], State],
    contended: type[Exception] = CartContended,
) -> Result:
    """Return what the attempt makes of a state, of the one then read where it was Overtaken."""
    for number in range(MAX_ATTEMPTS):
        try:
            return attempt(state if number == 0 else read())
        except Overtaken as overtaken:
            logger.info("attempt begins again: %s", overtaken)
            last = overtaken
    raise contended from last
