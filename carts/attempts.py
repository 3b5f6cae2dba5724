"""Attempts at changes: an attempt that another change overtakes begins again from the new state."""

import logging
from collections.abc import Callable
from typing import TypeVar

from carts.domain.errors import CartContended

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
State = TypeVar("State")

MAX_ATTEMPTS = 8


class Overtaken(Exception):
    """Another change came first, so the attempt begins again; the argument says why."""


def attempt_until_done(
    attempt: Callable[[], Result], *, contended: type[Exception] = CartContended
) -> Result:
    """Return the result of an attempt that reads its own state; begin again when it is Overtaken.

    Raises `contended` after MAX_ATTEMPTS attempts. Any other error of an attempt passes at once.
    """
    return attempt_from(None, lambda _: attempt(), read=lambda: None, contended=contended)


def attempt_from(
    state: State,
    attempt: Callable[[State], Result],
    *,
    read: Callable[[], State],
    contended: type[Exception] = CartContended,
) -> Result:
    """Return the result of the attempt on a state; when it is Overtaken, `read` and try again.

    Raises as `attempt_until_done` does.
    """
    for number in range(MAX_ATTEMPTS):
        try:
            return attempt(state if number == 0 else read())
        except Overtaken as overtaken:
            logger.info("attempt begins again: %s", overtaken)
            last = overtaken
    raise contended from last
