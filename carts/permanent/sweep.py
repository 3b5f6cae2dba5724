"""Carts that nobody has touched for long: guests' end, users' rest in the database alone.

The sweep reads the copies in pages of CART_SAVE_BATCH, so that a million take the memory of one
page. It goes by the database's clock: an application server whose clock jumps ends no carts.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from carts.domain.cart import CartOwner
from carts.domain.errors import CartNotFound
from carts.jobs import do_each, register_job
from carts.live import bulk
from carts.live.keys import shard_prefix, shard_prefixes
from carts.permanent import rows
from carts.permanent.erasing import erase_orphans
from carts.permanent.mapping import owner_of
from carts.permanent.saving import save_cart
from config.stores.database import in_transaction

logger = logging.getLogger(__name__)

_SWEEP = register_job("sweep_carts")


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many carts of guests ended, how many of users were put to rest, and how many ended long
    ago were deleted. `kept` have changed since they were saved, `failed` could not be changed.
    `erased` were those of users that are gone.
    """

    expired: int = 0
    retired: int = 0
    purged: int = 0
    kept: int = 0
    failed: int = 0
    erased: int = 0

    def __add__(self, other: "SweepResult") -> "SweepResult":
        return SweepResult(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def sweep_carts() -> Iterator[SweepResult]:
    """Do the following for every cart; yield the result of each page.

    1. Take away the hash of a cart past its expiry, if it is in the state of its copy. If not, save
       the cart, and leave it to the next sweep; the hash of the owner's next cart stays.
    2. Where no hash is left, end a guest's cart as EXPIRED; a user's stays ACTIVE.
    3. Delete carts that ended CART_RETENTION_DAYS ago, if that is not 0.
    4. Forget carts that were set aside and have no hash any more.
    5. Take away the hashes of users that are gone.

    Raises CartStoreUnavailable, OperationalError; the next run goes on from there.
    """
    for page in _read_pages(_IDLE_CARTS):
        yield _put_to_rest(page)
    if settings.CART_RETENTION_DAYS:
        for page in _read_pages(_OLD_CARTS, settings.CART_RETENTION_DAYS):
            purged, failed = _change_rows(_purge, page)
            yield SweepResult(purged=len(purged), failed=len(failed))
    for prefix in shard_prefixes():
        bulk.forget_vanished(prefix)
    for owners in bulk.list_users(page_size=settings.CART_SAVE_BATCH):
        if erased := erase_orphans(owners):
            yield SweepResult(erased=len(erased))


def expire_cart(owner: CartOwner) -> SweepResult:
    """Save one owner's cart, and treat it as if nobody had touched it for long.

    A guest's cart ends; a user's goes to rest in the database, and comes back when it is next
    looked at. `kept` is 1 where the cart changed meanwhile and stays. Raises CartNotFound
    where no active cart could be saved, CartStoreUnavailable, OperationalError.
    """
    save_cart(owner=owner, source="expire")
    column = "session_id" if owner.is_guest else "user_id"
    # Before its hash goes: in between, a guest's cart must not come back from its copy.
    found = rows.fetch(_END_NOW.format(owner=column, columns=_COLUMNS), owner.id)
    if not found:
        raise CartNotFound
    return _put_to_rest([_IdleCart._make(found[0])])


def count_idle() -> SweepResult:
    """Return what a sweep would end, put to rest and delete now, without changing anything."""
    expired, retired, purged = rows.fetch(_COUNT_IDLE, settings.CART_RETENTION_DAYS)[0]
    return SweepResult(expired, retired, purged if settings.CART_RETENTION_DAYS else 0)


class _IdleCart(NamedTuple):
    expires_at: datetime
    id: str
    user_id: str | None
    session_id: str | None
    version: int

    @property
    def owner(self) -> CartOwner:
        return owner_of(self.user_id, self.session_id)


def _read_pages(sql: str, *parameters: int) -> Iterator[list[_IdleCart]]:
    """Read the carts in the order of expiry; each page begins where the last one ended."""
    after: tuple[datetime | str, str] = ("-infinity", "")
    size = settings.CART_SAVE_BATCH
    while True:
        page = [_IdleCart._make(row) for row in rows.fetch(sql, *parameters, *after, size)]
        if page:
            after = page[-1].expires_at, page[-1].id
            yield page
        if len(page) < size:
            return


def _put_to_rest(page: Sequence[_IdleCart]) -> SweepResult:
    shards: defaultdict[str, list[_IdleCart]] = defaultdict(list)
    for cart in page:
        shards[shard_prefix(cart.owner)].append(cart)
    kept: list[_IdleCart] = []
    gone: list[_IdleCart] = []
    for prefix, carts in shards.items():
        outcomes = bulk.retire(prefix, [(c.owner, c.id, c.version) for c in carts])
        for cart, outcome in zip(carts, outcomes, strict=True):
            (kept if outcome == "kept" else gone).append(cart)
    do_each(_SWEEP, kept, _save, name=lambda cart: cart.id)
    resting, failed = _change_rows(_mark_retired, gone)
    guests = sum(cart.user_id is None for cart in resting)
    return SweepResult(
        expired=guests, retired=len(resting) - guests, kept=len(kept), failed=len(failed)
    )


def _save(cart: _IdleCart) -> bool:
    return save_cart(owner=cart.owner, source="sweep") is not None


def _change_rows(
    change: Callable[[Collection[_IdleCart]], set[str]], carts: Sequence[_IdleCart]
) -> tuple[list[_IdleCart], list[_IdleCart]]:
    """Change rows together, or one by one where that fails; return the changed and the failed."""
    try:
        changed = in_transaction(change)(carts)
        return [cart for cart in carts if cart.id in changed], []
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        if len(carts) == 1:
            logger.error("cart %s cannot be swept: %s", carts[0].id, type(error).__name__)
            return [], list(carts)
    outcomes = [_change_rows(change, [cart]) for cart in carts]
    return (
        [cart for changed, _ in outcomes for cart in changed],
        [cart for _, failed in outcomes for cart in failed],
    )


def _mark_retired(carts: Collection[_IdleCart]) -> set[str]:
    ids, versions = [cart.id for cart in carts], [cart.version for cart in carts]
    return {cart_id for (cart_id,) in rows.fetch(_MARK_RETIRED, ids, versions)}


def _purge(carts: Collection[_IdleCart]) -> set[str]:
    ids = [cart.id for cart in carts]
    rows.execute("DELETE FROM carts_cartitem WHERE cart_id = ANY(%s::text[])", ids)
    purged = rows.fetch("DELETE FROM carts_cart WHERE id = ANY(%s::text[]) RETURNING id", ids)
    return {cart_id for (cart_id,) in purged}


_COLUMNS = ", ".join(_IdleCart._fields)
_PAGE = f"""
SELECT {_COLUMNS}
FROM carts_cart
WHERE expires_at < {{before}} AND {{state}} AND (expires_at, id) > (%s::timestamptz, %s)
ORDER BY expires_at, id
LIMIT %s
"""  # noqa: S608
_IDLE_CARTS = _PAGE.format(before="now()", state="retired_at IS NULL")
# A cart that is not retired may still have a hash that tells of its end.
_OLD_CARTS = _PAGE.format(
    before="now() - %s * interval '1 day'", state="status <> 'ACTIVE' AND retired_at IS NOT NULL"
)
_END_NOW = """
UPDATE carts_cart
SET retired_at = NULL,
    expires_at = CASE WHEN session_id IS NULL THEN expires_at ELSE least(expires_at, now()) END
WHERE status = 'ACTIVE' AND {owner} = %s
RETURNING {columns}
"""
_COUNT_IDLE = """
SELECT count(*) FILTER (WHERE retired_at IS NULL AND user_id IS NULL),
       count(*) FILTER (WHERE retired_at IS NULL AND user_id IS NOT NULL),
       count(*) FILTER (WHERE status <> 'ACTIVE' AND retired_at IS NOT NULL
                        AND expires_at < now() - %s * interval '1 day')
FROM carts_cart
WHERE expires_at < now() AND (retired_at IS NULL OR status <> 'ACTIVE')
"""
# A save between the look at the hash and this one leaves a row of another version.
_MARK_RETIRED = """
UPDATE carts_cart AS cart
SET retired_at = now(),
    status = CASE WHEN cart.session_id IS NOT NULL AND cart.status = 'ACTIVE'
             THEN 'EXPIRED' ELSE cart.status END
FROM (
    SELECT cart.id FROM carts_cart AS cart
    JOIN unnest(%s::text[], %s::bigint[]) AS idle(id, version)
      ON idle.id = cart.id AND idle.version = cart.version
    WHERE cart.retired_at IS NULL
    ORDER BY cart.id FOR NO KEY UPDATE OF cart
) AS idle
WHERE cart.id = idle.id
RETURNING cart.id
"""
