"""What may be done to a cart: read it, change its lines, merge it, sell from it.

Orders and accounts act on carts only through these names.
"""

from carts.live.access import EndedFamily, EndedGenerations, end_tokens
from carts.live.store import ChangeContext
from carts.operations.lines import add_lines
from carts.operations.merging import merge_carts, register_claim
from carts.operations.purchasing import hold_copy, prepare_purchase, schedule_settlement
from carts.operations.reading import CartView, get_cart, view_cart
from carts.operations.returning import find_returned, return_lines
from carts.operations.settling import is_settled, list_unsettled, settle_order
from carts.permanent.erasing import count_changes, erase_orphans, lock_copies
from carts.permanent.saving import save_cart

__all__ = [
    "CartView",
    "ChangeContext",
    "EndedFamily",
    "EndedGenerations",
    "add_lines",
    "count_changes",
    "end_tokens",
    "erase_orphans",
    "find_returned",
    "get_cart",
    "hold_copy",
    "is_settled",
    "list_unsettled",
    "lock_copies",
    "merge_carts",
    "prepare_purchase",
    "register_claim",
    "return_lines",
    "save_cart",
    "schedule_settlement",
    "settle_order",
    "view_cart",
]
