"""Hashes that replace secrets where the secrets themselves must not be."""

import hashlib

from django.conf import settings

HASH_LENGTH = 24
_KEY_BYTES = 64  # the most that BLAKE2b takes


def hash_secret(text: str) -> str:
    """Return 24 hexadecimal digits, always the same for the same text and SECRET_KEY.

    The hash is keyed: a guest id that a client made up may be short enough to be guessed.
    """
    return _hash(text, settings.SECRET_KEY)


def hash_by_every_key(text: str) -> list[str]:
    """Return the hash of a text, and its hashes under SECRET_KEY_FALLBACKS."""
    return [_hash(text, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _hash(text: str, secret: str) -> str:
    key = secret.encode()[:_KEY_BYTES]
    return hashlib.blake2b(text.encode(), digest_size=HASH_LENGTH // 2, key=key).hexdigest()
