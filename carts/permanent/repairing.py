"""Mending a cart that has drifted from its permanent copy, when somebody says so."""

import logging
from datetime import timedelta

from django.conf import settings

from carts.domain.cart import CartOwner
from carts.live import care
from carts.live.keys import shard_prefix
from carts.permanent.copies import read_copy
from carts.permanent.reconciling import reconcile
from carts.permanent.restoring import restore_cart
from carts.permanent.saving import save_cart
from carts.permanent.verifying import Drift, verify_carts

logger = logging.getLogger(__name__)


def repair(drift: Drift) -> bool:
    """Mend a drift, and tell whether it is mended now.

    The hash is the truth, unless its copy is of another history: then both are united. A hash that
    cannot be read is put away for CART_TTL_DAYS, and its copy comes back; it stays without a copy
    that may.
    """
    if drift.kind == "unreadable":
        _replace_unreadable(drift.owner)
    else:
        if drift.kind == "other history":
            reconcile(drift.owner)
        elif drift.kind == "differs":
            care.renew(drift.owner)
        save_cart(owner=drift.owner, source="repair")
    return not verify_carts(shard_prefix(drift.owner), [drift.owner]).drifts


def _replace_unreadable(owner: CartOwner) -> None:
    copy = read_copy(owner)
    if copy is None or not copy.may_return:
        return
    ttl = timedelta(days=settings.CART_TTL_DAYS)
    if care.put_away(owner, ttl_ms=ttl // timedelta(milliseconds=1)):
        logger.warning(
            "the hash of cart %s was unreadable, and made way for its copy", copy.cart.id
        )
        restore_cart(owner)
