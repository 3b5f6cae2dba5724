"""The list of carts: the rows, and for each whether its living cart has moved on."""

from typing import Any

from django.http import HttpRequest

from carts.admin.naming import OwnerLink, link_owners
from carts.domain.errors import CartStoreUnavailable
from carts.finding import read_active_rows
from carts.live import lookups
from carts.models import Cart
from carts.permanent.mapping import owner_of
from config.http.admin import StaffChangeList

_MAX_LIVE_ONLY = 50


class CartChangeList(StaffChangeList):
    """A page of carts. The live store is asked once for all of them."""

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
        owners = {row.pk: owner_of(row.user_id, row.session_id) for row in rows}
        active = [owners[row.pk] for row in rows if row.status == "ACTIVE"]
        unsaved = lookups.find_unsaved(active)
        for row in rows:
            row.is_unsaved = row.status == "ACTIVE" and owners[row.pk] in unsaved
        if self.params.get("unsaved") == "yes":
            self.live_only = _list_live_only()


def _list_live_only() -> list[OwnerLink]:
    """Return carts that have never been saved, of those that became unsaved last; two queries."""
    owners = lookups.list_newest_unsaved()
    saved = read_active_rows(owners)
    return link_owners([o for o in owners if o not in saved][:_MAX_LIVE_ONLY])


def is_unsaved(row: Cart) -> bool | None:
    """Tell whether a row of the list is older than its living cart; None if that is not known."""
    known: bool | None = getattr(row, "is_unsaved", None)
    return known
