"""The last changes of a cart: those in the log, and those that are still in the stream."""

from dataclasses import dataclass
from datetime import UTC, datetime

from carts.admin.moments import Cell, show_moment
from carts.admin.naming import name_change, name_source, read_usernames
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.keys import shard_prefix
from carts.log.rows import LoggedChange, UnreadableEntry, read_entry
from carts.log.stream import read_newest_changes
from carts.models import CartChange
from config.hashing import hash_by_every_key
from config.staff import STAFF
from products.models import Sku

_MAX_SHOWN = 30
# Reading this many keeps the server busy for about 1 ms. A busy shop makes them in seconds.
_MAX_WAITING = 500

_Change = LoggedChange | CartChange


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as the page shows it; `actor` is "" for the cart's owner.

    `what` and `through` say the action and the source in the reader's language.
    """

    at: Cell
    action: str
    what: str
    sku_id: str
    code: str
    before: int
    after: int
    version: int
    actor: str
    source: str
    through: str
    request_id: str
    is_waiting: bool


def list_changes(owner: CartOwner, *, now: datetime) -> list[ChangeRow]:
    """Return the owner's last changes, newest first: at most 30, in three queries."""
    owner_ids = hash_by_every_key(owner.key) if owner.is_guest else [owner.id]
    # The stream is read first, so a change that is drained between the two reads is seen twice. In
    # the other order it would not be seen at all.
    newest = _read_waiting(owner, owner_ids)
    logged = CartChange.objects.filter(owner_id__in=owner_ids)
    kept = list(logged.order_by("-at", "-id")[:_MAX_SHOWN])
    known = {(change.version, change.stream_id) for change in kept}
    waiting = [each for each in newest if (each.version, each.stream_id) not in known]
    shown: list[_Change] = [*waiting, *kept]
    shown = shown[:_MAX_SHOWN]
    codes = dict(
        Sku.objects.filter(pk__in={change.sku_id for change in shown}).values_list("pk", "code")
    )
    names = _read_names([change.actor for change in shown])
    return [
        _show(change, codes.get(change.sku_id, ""), names.get(change.actor, change.actor), now)
        for change in shown
    ]


def _read_names(actors: list[str]) -> dict[str, str]:
    """Return the names of users and staff by how the log calls them, in one query."""
    people = {actor: actor.removeprefix(STAFF) for actor in actors if actor}
    names = read_usernames(people.values())
    return {actor: names[pk] for actor, pk in people.items() if pk in names}


def _read_waiting(owner: CartOwner, owner_ids: list[str]) -> list[LoggedChange]:
    """Return the owner's changes among the newest entries of the stream; none if Redis is down."""
    try:
        entries = read_newest_changes(shard_prefix(owner), count=_MAX_WAITING)
    except CartStoreUnavailable:
        return []
    changes = []
    for entry in entries:
        try:
            change = read_entry(entry)
        except UnreadableEntry:
            continue
        if change.owner_kind == owner.kind and change.owner_id in owner_ids:
            changes.append(change)
    return changes


def _show(change: _Change, code: str, actor: str, now: datetime) -> ChangeRow:
    if isinstance(change, CartChange):
        at = change.at
    else:
        at = datetime.fromtimestamp(change.at / 1_000, UTC)
    return ChangeRow(
        at=show_moment(at, now=now),
        action=change.action,
        what=name_change(change.action),
        sku_id=change.sku_id,
        code=code,
        before=change.before,
        after=change.after,
        version=change.version,
        actor=actor,
        source=change.source,
        through=name_source(change.source),
        request_id=change.request_id,
        is_waiting=isinstance(change, LoggedChange),
    )
