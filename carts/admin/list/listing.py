"""The list of carts: the copies, and how each compares with its living cart."""

from typing import Any, Literal

from django.http import HttpRequest

from carts.admin import lookups
from carts.admin.naming import OwnerLink, find_copy_ids, link_owners
from carts.domain.cart import CartOwner
from carts.domain.errors import CartStoreUnavailable
from carts.live.keys import group_by_shard
from carts.models import Cart
from carts.permanent.mapping import owner_of
from carts.permanent.verifying import verify_carts
from config.staff import StaffChangeList

_MAX_LIVE_ONLY = 50

Standing = Literal["same", "unsaved", "drifted"]


class CartChangeList(StaffChangeList):
    """A page of copies, compared with the living carts all at once."""

    live_only: list[OwnerLink]
    is_store_down: bool

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.live_only, self.is_store_down = [], False
        rows: list[Any] = list(self.result_list)
        self.result_list: Any = rows
        try:
            self._ask_live_store(rows)
        except CartStoreUnavailable:
            self.is_store_down = True

    def _ask_live_store(self, rows: list[Any]) -> None:
        owners = {
            row.pk: owner_of(row.user_id, row.session_id) for row in rows if row.status == "ACTIVE"
        }
        standings = _compare(set(owners.values()))
        for row in rows:
            row.standing = standings.get(owners[row.pk]) if row.pk in owners else "same"
        if self.params.get("unsaved") == "yes":
            self.live_only = _list_live_only(lookups.list_newest_unsaved())
        elif self.params.get("drifted") == "yes":
            self.live_only = _list_live_only(lookups.list_drifted())


def _list_live_only(owners: list[CartOwner]) -> list[OwnerLink]:
    """Return those of the carts that have never been saved; two queries."""
    saved = find_copy_ids(owners)
    return link_owners([o for o in owners if o not in saved][:_MAX_LIVE_ONLY])


def read_standing(row: Cart) -> Standing | None:
    """Return how a copy in the list compares with its living cart; None if that is not known.

    "unsaved" is an older copy that will be saved. "drifted" is one that saving would not mend; the
    cart's page tells what is wrong.
    """
    known: Standing | None = getattr(row, "standing", None)
    return known


def _compare(owners: set[CartOwner]) -> dict[CartOwner, Standing]:
    """Compare carts with their copies: one round trip and three queries for those of a shard."""
    standings: dict[CartOwner, Standing] = dict.fromkeys(owners, "same")
    for prefix, some in group_by_shard(owners).items():
        verified = verify_carts(prefix, some)
        standings |= dict.fromkeys(verified.unsaved, "unsaved")
        standings |= {drift.owner: "drifted" for drift in verified.drifts}
    return standings
