"""The SQL of the permanent copy: a constant number of statements for any number of carts.

Values travel as array literals, one for each column, which costs a tenth of what the driver takes
for lists. Whatever writes runs in the caller's transaction, after `lock_carts`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from django.contrib.auth import get_user_model
from django.db import connection

from carts.domain.cart import Cart, CartOwner
from carts.permanent.columns import CartRow, LineRow, list_sent_types, write_columns
from carts.permanent.mapping import owner_of


class CopyVersion(NamedTuple):
    """What must be known of a copy before another state is written over it.

    `has_expired` says that a guest's active cart was left for too long.
    """

    id: str
    version: int
    has_expired: bool


def plan_anew() -> None:
    """Have the statements of this transaction planned for the size the tables have now, by index.

    A plan that was made while a table was small reads the whole table for each line of a batch,
    until the next ANALYZE: 10 seconds a batch with 500,000 lines.
    """
    execute(_PLAN_ANEW)


def lock_carts(carts: Collection[Cart]) -> dict[CartOwner, list[CopyVersion]]:
    """Lock the copies of these carts and of their owners' active ones; return them by owner.

    They are locked in id order, so that savers queue up instead of deadlocking.
    """
    return _find_carts(_LOCK_CARTS, carts)


def find_carts(carts: Collection[Cart]) -> dict[CartOwner, list[CopyVersion]]:
    """Return the copies of these carts and of their owners' active ones, by owner."""
    return _find_carts(_FIND_CARTS, carts)


def insert_carts(rows: Sequence[CartRow]) -> set[str]:
    """Insert new carts; return the ids of those inserted.

    Carts are left out whose owners have got another one meanwhile, and carts of users that are
    gone.
    """
    return {cart_id for (cart_id,) in fetch(_INSERT_CARTS, *_columns(sorted(rows)))}


def update_carts(rows: Sequence[CartRow]) -> set[str]:
    """Write carts over their older rows; return the ids of those written."""
    return {cart_id for (cart_id,) in fetch(_UPDATE_CARTS, *_columns(rows))}


def end_carts(versions: Mapping[str, int]) -> None:
    """End carts whose owners have begun their next one: EXPIRED where past expiry, else bought.

    Each takes the version of the cart that follows it: a late save of its last state is older
    then, and does not bring it back.
    """
    execute(_END_CARTS, _array(versions), _array(versions.values()))
    execute(_DELETE_BOUGHT_LINES, _array(versions))


def write_lines(lines: Collection[LineRow]) -> None:
    """Insert the lines of new carts; the last statement, as that of `replace_lines`."""
    execute(_WRITE_LINES, *_line_columns(lines))


def replace_lines(cart_ids: Collection[str], lines: Collection[LineRow]) -> None:
    """Make these the only lines of carts; those that are there already are left alone.

    It has to be the last statement of its transaction: it ends `plan_anew`, so that the checks of
    foreign keys that follow are planned once. Planning each takes three times as long as checking.
    """
    execute(_REPLACE_LINES, *_line_columns(lines), _array(cart_ids))


def find_missing_users(user_ids: Collection[str]) -> set[str]:
    """Return those of the ids that no user has."""
    users = get_user_model()._default_manager.filter(pk__in=list(user_ids))
    return set(user_ids) - set(users.values_list("pk", flat=True))


def fetch(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def execute(sql: str, *parameters: Any) -> None:
    """Run a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _find_carts(sql: str, carts: Collection[Cart]) -> dict[CartOwner, list[CopyVersion]]:
    owners = [cart.owner for cart in carts]
    rows = fetch(
        sql,
        _array(cart.id for cart in carts),
        _array(owner.id for owner in owners if not owner.is_guest),
        _array(owner.id for owner in owners if owner.is_guest),
    )
    copies: dict[CartOwner, list[CopyVersion]] = {}
    for user_id, session_id, *version in rows:
        copies.setdefault(owner_of(user_id, session_id), []).append(CopyVersion(*version))
    return copies


def _array(values: Iterable[str | int | bool | None]) -> str:
    """Write an array; JSON's literals do for it, as long as no text holds control characters."""
    return "{" + orjson.dumps(tuple(values))[1:-1].decode() + "}"


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    return [_array(column) for column in zip(*rows, strict=True)]


def _line_columns(lines: Iterable[LineRow]) -> list[str]:
    return _columns(lines) or [_array(())] * len(LineRow._fields)


def _select_sent(row: type, **instead: str) -> str:
    """Return the SQL that turns arrays, one for each column, into rows of the database's types."""
    types = list_sent_types(row)
    arrays = ", ".join(f"%s::{name}[]" for name in types.values())
    return (
        f"SELECT {write_columns(row, **instead)} "  # noqa: S608
        f"FROM unnest({arrays}) AS sent({', '.join(types)})"
    )


# A cart is saved within an hour of its change. One that seems older comes from a clock that is
# behind, and must not end early: it lives from now on, less that hour.
_EXPIRY = """
greatest(timestamptz 'epoch' + expires_at * interval '1 millisecond',
         now() - interval '1 hour' + (expires_at - updated_at) * interval '1 millisecond')
"""
_PLAN_ANEW = """
SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'off', true)
"""
_FIND_CARTS = """
SELECT user_id, session_id, id, version,
       session_id IS NOT NULL AND status = 'ACTIVE' AND expires_at < now()
FROM carts_cart
WHERE id IN (
    SELECT unnest(%s::text[])
    UNION
    SELECT id FROM carts_cart WHERE status = 'ACTIVE' AND user_id = ANY(%s::text[])
    UNION
    SELECT id FROM carts_cart WHERE status = 'ACTIVE' AND session_id = ANY(%s::text[])
)
"""
_LOCK_CARTS = _FIND_CARTS + "ORDER BY id FOR NO KEY UPDATE"
_NEW_CARTS = _select_sent(CartRow, expires_at=_EXPIRY)
_CART_COLUMNS = ", ".join(CartRow._fields)
_CART_STATE = CartRow._fields[3:]
_INSERT_CARTS = f"""
INSERT INTO carts_cart ({_CART_COLUMNS}, saved_at)
SELECT {_CART_COLUMNS}, now() FROM ({_NEW_CARTS}) AS new
WHERE user_id IS NULL
   OR (SELECT u.id FROM {get_user_model()._meta.db_table} u WHERE u.id = user_id) IS NOT NULL
ON CONFLICT DO NOTHING
RETURNING id
"""  # noqa: S608
_UPDATE_CARTS = f"""
UPDATE carts_cart AS cart
SET {", ".join(f"{column} = new.{column}" for column in _CART_STATE)},
    saved_at = now(), retired_at = NULL
FROM ({_NEW_CARTS}) AS new
WHERE cart.id = new.id AND cart.version < new.version
RETURNING cart.id
"""  # noqa: S608
_END_CARTS = """
UPDATE carts_cart AS cart
SET status = CASE WHEN session_id IS NOT NULL AND expires_at < now()
             THEN 'EXPIRED' ELSE 'CHECKEDOUT' END,
    version = greatest(cart.version, ended.version), retired_at = now()
FROM unnest(%s::text[], %s::bigint[]) AS ended(id, version)
WHERE cart.id = ended.id
"""
_DELETE_BOUGHT_LINES = """
DELETE FROM carts_cartitem AS line USING carts_cart AS cart
WHERE cart.id = line.cart_id AND cart.id = ANY(%s::text[]) AND cart.status = 'CHECKEDOUT'
"""
_NEW_LINES = _select_sent(LineRow)
_LINE_COLUMNS = ", ".join(LineRow._fields)
_LINE_STATE = LineRow._fields[2:]
_PLAN_ONCE = "SELECT set_config('plan_cache_mode', 'auto', true)"
_WRITE_LINES = f"""
WITH written AS (INSERT INTO carts_cartitem ({_LINE_COLUMNS}) {_NEW_LINES}) {_PLAN_ONCE}
"""  # noqa: S608
# The lines of each cart are looked up by themselves, and those to delete by an array: a join might
# read the whole table.
_REPLACE_LINES = f"""
WITH new AS MATERIALIZED ({_NEW_LINES}), stored AS MATERIALIZED (
    SELECT line.* FROM unnest(%s::text[]) AS cart(id) CROSS JOIN LATERAL (
        SELECT id, {_LINE_COLUMNS} FROM carts_cartitem WHERE cart_id = cart.id OFFSET 0
    ) AS line
), removed AS (
    DELETE FROM carts_cartitem WHERE id = ANY(ARRAY(
        SELECT id FROM stored LEFT JOIN new USING (cart_id, sku_id) WHERE new.quantity IS NULL
    ))
), written AS (
    INSERT INTO carts_cartitem ({_LINE_COLUMNS})
    SELECT new.* FROM new LEFT JOIN stored USING (cart_id, sku_id)
    WHERE ({", ".join(f"new.{column}" for column in _LINE_STATE)})
        IS DISTINCT FROM ({", ".join(f"stored.{column}" for column in _LINE_STATE)})
    ON CONFLICT (cart_id, sku_id) DO UPDATE
    SET {", ".join(f"{column} = excluded.{column}" for column in _LINE_STATE)}
)
{_PLAN_ONCE}
"""  # noqa: S608
