"""Codes for SKUs that have none where they come from."""

from collections.abc import Iterable
from hashlib import blake2b

from products.bounds import CODE_LENGTH

_DIGEST_LENGTH = 12


def make_code(parts: Iterable[str]) -> str:
    """Join the shop's own ids and names to a code: always the same, and another for other parts."""
    code = "/".join(part.replace("/", "//") for part in parts)
    if len(code) <= CODE_LENGTH:
        return code
    digest = blake2b(code.encode(), digest_size=_DIGEST_LENGTH // 2).hexdigest()
    return f"{code[: CODE_LENGTH - _DIGEST_LENGTH - 1].rstrip()}~{digest}"
