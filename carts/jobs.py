"""How a job runs: each entry by itself, so that one which fails holds up no other."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from traceback import format_tb
from typing import TypeVar

from django.db import InterfaceError, OperationalError
from psycopg.errors import QueryCanceled

from carts.domain.errors import CartContended, CartStoreUnavailable, CartUnreadable
from carts.live.aside import find_set_aside, set_entry_aside
from config.stores.database import has_lost_race

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")

# An entry that failed is tried again after this long; a cause that was mended needs no more.
PAUSE = timedelta(minutes=15)
# One entry waits, and nothing is wrong with it: others change its cart, or it is to be repaired.
_WAITING = (CartContended, CartUnreadable)
# All entries wait for a store that is away.
_ALL_WAIT = (CartStoreUnavailable, OperationalError, InterfaceError)

_jobs: list[str] = []


def register_job(name: str) -> str:
    """Make a job known to the metrics, and return its name."""
    _jobs.append(name)
    return name


def list_jobs() -> list[str]:
    """Return every job that goes through entries."""
    return sorted(_jobs)


def do_page(
    job: str,
    entries: Sequence[Entry],
    do: Callable[[Sequence[Entry]], object],
    *,
    name: Callable[[Entry], str] = str,
) -> None:
    """Do entries of a job together, or where one of them fails each by itself, as `do_each` does.

    `do` must be safe to repeat.
    """
    try:
        do(entries)
    except Exception as error:  # noqa: BLE001
        if _concerns_all(error):
            raise
        do_each(job, entries, lambda entry: bool(do([entry])), name=name)


def do_each(
    job: str,
    entries: Iterable[Entry],
    do: Callable[[Entry], bool],
    *,
    name: Callable[[Entry], str] = str,
) -> int:
    """Do each entry of a job by itself; return for how many `do` returned True.

    An entry that fails is logged, counted and set aside: the runs of its pause pass it over. One
    that has to wait is left to the next run. `name` must give away no secret. Raises where a store
    is away: CartStoreUnavailable, OperationalError, InterfaceError.
    """
    aside = find_set_aside(job)
    done = 0
    for entry in entries:
        if name(entry) in aside:
            continue
        try:
            done += do(entry)
        except _WAITING as error:
            logger.warning("%s: %s is left waiting: %s", job, name(entry), type(error).__name__)
        except Exception as error:  # noqa: BLE001
            if _concerns_all(error):
                raise
            set_entry_aside(job, name(entry), pause=PAUSE)
            # Without the error's text, which may hold a guest's id.
            where = "".join(format_tb(error.__traceback__))
            logger.error(
                "%s: %s failed and is set aside: %s\n%s",
                job, name(entry), type(error).__name__, where,
            )  # fmt: skip
    return done


@contextmanager
def leave_to_next_run() -> Iterator[None]:
    """End a run early, and quietly, where a store is away."""
    try:
        yield
    except _ALL_WAIT as error:
        logger.warning("ended early, and is left to the next run: %s", type(error).__name__)


def _concerns_all(error: Exception) -> bool:
    """Tell whether an error is about a store, and not about an entry."""
    if has_lost_race(error) or isinstance(error.__cause__, QueryCanceled):
        # Others hold its rows, or it takes too long.
        return False
    return isinstance(error, _ALL_WAIT)
