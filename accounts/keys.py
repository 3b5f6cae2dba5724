"""Service keys: what programs of the shop, such as an ERP, call the API with.

A key is "sk_" and 32 random bytes. Only its hash is kept, so it is shown once; SHA-256 without salt
is enough for what nobody can guess, and finds the row by an index. Nothing of a key is remembered
between calls: one that is revoked ends with its next call.
"""

import logging
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction

from accounts.errors import ServiceKeyExists
from accounts.models import ServiceKey
from accounts.scopes import Scope

MAX_DAYS = 3_650
_BYTES = 32
_FORM = re.compile(r"sk_[A-Za-z0-9_-]{43}", re.ASCII)
_SHOWN = len("sk_") + 6
# Every call would otherwise write the row.
_USE_NOTED_AFTER = timedelta(minutes=1)

logger = logging.getLogger(__name__)


def add_key(
    *, name: str, scopes: Collection[Scope], expires_at: datetime | None, now: datetime
) -> ServiceKey:
    """Make a key; its `secret` is on what is returned, and cannot be read again.

    The name has been validated. Raises ServiceKeyExists, for a revoked key as well.
    """
    secret = f"sk_{secrets.token_urlsafe(_BYTES)}"
    key = ServiceKey(
        name=name,
        prefix=secret[:_SHOWN],
        key_hash=_hash(secret),
        scopes=sorted(scopes),
        expires_at=expires_at,
        created_at=now,
    )
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError as error:
        raise ServiceKeyExists(name=name) from error
    key.secret = secret
    return key


def find_key(secret: str, now: datetime) -> ServiceKey | None:
    """Return the living key of this text, and note its use; None for anything else.

    Costs a query, and another once a minute.
    """
    if not _FORM.fullmatch(secret):
        return None
    key = ServiceKey.objects.filter(key_hash=_hash(secret)).first()
    if key is None:
        return None
    if not key.is_living(now):
        logger.warning("service key %s was used after its end", key.name)
        return None
    if key.last_used_at is None or now - key.last_used_at > _USE_NOTED_AFTER:
        ServiceKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke_key(key: ServiceKey, now: datetime) -> bool:
    """End a key for good, at its next call; tell whether it had not been revoked before."""
    return bool(ServiceKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now))


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
