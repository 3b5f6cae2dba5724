"""Ending access tokens within seconds, although cart calls look no user up.

The read of a cart also checks one key in Redis (`carts.live.keys.ended_tokens_key`). A change that
ends tokens is written there as soon as it commits. Raw SQL bypasses the ORM, and Redis may be
wiped; so a periodic task writes all recent changes again, as the database has recorded them.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.db.models.signals import post_delete, post_save
from rest_framework_simplejwt.settings import api_settings

from accounts.models import ENDING_FIELDS, AccessChange, RefreshFamily, User, users_updated
from carts.domain.errors import CartStoreUnavailable
from carts.operations import EndedFamily, EndedGenerations, end_tokens

logger = logging.getLogger(__name__)

# For clocks that differ, and for a token issued while its user was being deactivated.
_MARGIN = timedelta(minutes=1)

# The database takes at most 65,535 parameters in a query.
_BATCH = 1_000


def apply_recent_changes() -> None:
    """Apply every change an access token may have outlived, and forget older ones.

    Safe at any time and twice at once: a change that came between reading and applying is put
    right by the next run. One Redis round trip for 1,000 changes.
    """
    oldest = Now() - _revocation_period()
    AccessChange.objects.filter(changed_at__lt=oldest).delete()
    _apply(_changes(AccessChange.objects.all()))
    families = RefreshFamily.objects.filter(ended_at__gte=oldest)
    _apply(EndedFamily(family.user_id, family.pk) for family in families.iterator())


def apply_changes_of(user_ids: Sequence[str]) -> None:
    """Apply the recorded changes of these users, if there are any."""
    for start in range(0, len(user_ids), _BATCH):
        some = user_ids[start : start + _BATCH]
        _apply(_changes(AccessChange.objects.filter(pk__in=some)))


def apply_ended_family(user_id: str, family: str) -> None:
    """Refuse the access tokens of a family that has ended."""
    _apply([EndedFamily(user_id, family)])


def connect_signals() -> None:
    """Apply a change of access when it commits, by whichever method of the ORM it is made."""
    post_save.connect(_on_save, sender=User, dispatch_uid="accounts.revocation")
    post_delete.connect(_on_delete, sender=User, dispatch_uid="accounts.revocation")
    users_updated.connect(_on_update, sender=User, dispatch_uid="accounts.revocation")


def _revocation_period() -> timedelta:
    lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME
    return lifetime + _MARGIN


def _changes(changes: QuerySet[AccessChange]) -> Iterator[EndedGenerations]:
    for change in changes.iterator():
        yield EndedGenerations(change.user_id, below=change.generation)


def _apply(ended: Iterable[EndedGenerations | EndedFamily]) -> None:
    ttl_seconds = int(_revocation_period().total_seconds())
    try:
        entries = iter(ended)
        while some := list(islice(entries, _BATCH)):
            end_tokens(some, ttl_seconds=ttl_seconds)
    except CartStoreUnavailable:
        # The next run of the periodic task applies them again.
        logger.warning("ended tokens are not refused yet: the cart store is unavailable")


def _on_save(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    if not created and (update_fields is None or not ENDING_FIELDS.isdisjoint(update_fields)):
        _on_update([instance.pk])


def _on_delete(instance: User, **_: Any) -> None:
    _on_update([instance.pk])


def _on_update(user_ids: Sequence[str], **_: Any) -> None:
    if user_ids:
        transaction.on_commit(partial(apply_changes_of, user_ids))
