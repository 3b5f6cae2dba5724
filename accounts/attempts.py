"""How often a password may be tried, wherever one is asked for.

Three numbers a minute, of RATE_LIMIT_LOGIN:
1. By account and address together, so that strangers use up nothing of the owner's.
2. By address, successful tries too: each costs a hash.
3. By account from everywhere, far higher: it bounds guessing from many addresses. What the first
   two have refused does not count, so one address alone cannot lock an account.

Tries are counted before the password is looked at, so that many at once cannot slip past. A right
password takes its try back: only failures use up what an account has.

The name and the e-mail address of an account are counted as one. Who tries both can see that there
is an account, but registering tells that anyway. A name that nobody has is counted by itself, so
single names are refused alike whether or not there is such an account.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from accounts.errors import InvalidCredentials
from accounts.models import User
from config.hashing import hash_secret
from config.http.ratelimit import (
    Charge,
    RateLimit,
    RateLimited,
    RateLimiterUnavailable,
    enforce_limits,
    network_of,
    take_back,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password tried for an account from an address; `account` is fit for logs."""

    account: str
    address: str

    @classmethod
    def on(cls, user: User | None, *, name: str, address: str) -> "Attempt":
        """Name the account by the user's id. A name that nobody has is hashed.

        People type passwords where the name belongs.
        """
        account = f"name #{hash_secret(name.casefold())}" if user is None else f"user {user.pk}"
        return cls(account, address)

    @property
    def by_address(self) -> Charge:
        limit = RateLimit("login-address", settings.RATE_LIMIT_LOGIN_PER_ADDRESS)
        return Charge(limit, network_of(self.address))

    @property
    def by_both(self) -> Charge:
        limit = RateLimit("login", settings.RATE_LIMIT_LOGIN)
        return Charge(limit, f"{self.account} from {network_of(self.address)}")

    @property
    def by_account(self) -> Charge:
        limit = RateLimit("login-account", settings.RATE_LIMIT_LOGIN_PER_ACCOUNT)
        return Charge(limit, self.account)


@contextmanager
def counted(attempt: Attempt) -> Iterator[None]:
    """Count a try, and take it back unless the block raises InvalidCredentials; log failures.

    Raises RateLimited; RateLimiterUnavailable, because nobody may guess unlimited.
    """
    try:
        enforce_limits([attempt.by_address, attempt.by_both])
        enforce_limits([attempt.by_account])
    except RateLimited:
        logger.warning("too many passwords tried for %s from %s", attempt.account, attempt.address)
        raise
    try:
        yield
    except InvalidCredentials:
        logger.warning("wrong password for %s from %s", attempt.account, attempt.address)
        raise
    try:
        take_back([attempt.by_both, attempt.by_account])
    except RateLimiterUnavailable:
        logger.warning("a right password of %s counts as a wrong one", attempt.account)
