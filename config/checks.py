"""What must be right before the shop may serve: refusals at the start, and system checks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from config.notation import MAX_CENTS
from config.stores.readiness import EvictionPolicy, read_eviction_policy
from products.bounds import MAX_PRICE

MIN_SECRET_LENGTH = 50
MIN_SECRET_CHARACTERS = 5
# Payment providers give out their own: 32 random letters and digits are common.
MIN_WEBHOOK_SECRET_LENGTH = 32
MAX_ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
LIFETIMES = ("CART_TTL_DAYS", "IDEMPOTENCY_HOURS", "ORDER_PAYMENT_MINUTES")


def find_faults() -> list[str]:
    """Return a sentence for each setting with which the shop does not start."""
    faults = [*settings.ENVIRONMENT_FAULTS, *_find_inexact_totals()]
    return [*faults, *find_production_faults()] if settings.IS_PRODUCTION else faults


def _find_inexact_totals() -> Iterator[str]:
    most = settings.CART_MAX_LINES * settings.CART_MAX_UNITS_PER_LINE
    if most * MAX_PRICE * 100 > MAX_CENTS:
        yield (
            "CART_MAX_LINES times CART_MAX_UNITS_PER_LINE must be at most"
            f" {int(MAX_CENTS / (MAX_PRICE * 100)):,}, so that totals stay exact."
        )


def find_production_faults() -> list[str]:
    """Return a sentence for each setting that production must not have."""
    return [*_find_weak_secrets(), *_find_exposures(), *_find_wrong_times()]


def _find_weak_secrets() -> Iterator[str]:
    for name, secret in (
        ("SECRET_KEY", settings.SECRET_KEY),
        ("JWT_SIGNING_KEY", settings.SIMPLE_JWT["SIGNING_KEY"]),
    ):
        if secret == settings.DEVELOPMENT_SECRET_KEY:
            yield f"{name} must be set, and not to the development key."
        elif _is_weak(secret, MIN_SECRET_LENGTH):
            yield f"{name} must be random, with {MIN_SECRET_LENGTH} characters at least."
    # A key that only verifies is as dangerous as a signing key when somebody guesses it.
    for name in ("SECRET_KEY_FALLBACKS", "JWT_SIGNING_KEY_FALLBACKS"):
        if any(map(_is_guessable, getattr(settings, name))):
            yield (
                f"{name} must not name the development key, and must be random, with"
                f" {MIN_SECRET_LENGTH} characters at least each."
            )
    # Without one the webhook is closed, and nobody can mark an order paid by guessing.
    webhook = settings.PAYMENT_WEBHOOK_SECRET
    if webhook and _is_weak(webhook, MIN_WEBHOOK_SECRET_LENGTH):
        yield (
            f"PAYMENT_WEBHOOK_SECRET must be random, with {MIN_WEBHOOK_SECRET_LENGTH} characters"
            " at least, or unset."
        )


def _is_guessable(key: str) -> bool:
    return key == settings.DEVELOPMENT_SECRET_KEY or _is_weak(key, MIN_SECRET_LENGTH)


def _is_weak(secret: str, min_length: int) -> bool:
    return len(secret) < min_length or len(set(secret)) < MIN_SECRET_CHARACTERS


def _find_exposures() -> Iterator[str]:
    if settings.DEBUG:
        yield "DEBUG must be off."
    if not settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS must name the shop's hosts."
    if _has_wildcard(settings.ALLOWED_HOSTS):
        yield "ALLOWED_HOSTS must not hold a wildcard."
    if _has_wildcard(settings.CORS_ALLOWED_ORIGINS):
        yield "CORS_ALLOWED_ORIGINS must not hold a wildcard."
    if settings.STORES_ARE_EMBEDDED or _names_embedded_store():
        yield "DATABASE_URL and REDIS_URL must not name the embedded servers."


def _has_wildcard(names: Iterable[str]) -> bool:
    return any("*" in name for name in names)


def _names_embedded_store() -> bool:
    services = settings.DATA_DIR / "services.env"
    if not services.exists():
        return False
    embedded = re.findall(r"^\w+=(.+)$", services.read_text(encoding="utf-8"), re.MULTILINE)
    return settings.DATABASE_URL in embedded or settings.REDIS_URL in embedded


def _find_wrong_times() -> Iterator[str]:
    access = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    if not timedelta() < access <= MAX_ACCESS_TOKEN_LIFETIME:
        yield "ACCESS_TOKEN_MINUTES must be 1 to 15."
    if settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"] <= access:
        yield "REFRESH_TOKEN_DAYS must be 1 or more."
    for name in LIFETIMES:
        if getattr(settings, name) < 1:
            yield f"{name} must be 1 or more."
    if settings.CART_WRITE_BEHIND_SECONDS < 0:
        yield "CART_WRITE_BEHIND_SECONDS must be 0 or more."


@register(Tags.caches, deploy=True)
def check_eviction_policy(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Complain where the carts' Redis may drop carts to make room."""
    hint = "Set maxmemory-policy to noeviction."
    match read_eviction_policy():
        case None:
            return [Info("Redis cannot be asked for its eviction policy.", id="config.I001")]
        case EvictionPolicy.DROPS_CARTS:
            return [Error("Redis drops carts when it is full.", hint=hint, id="config.E001")]
        case EvictionPolicy.WOULD_DROP_CARTS:
            message = "Redis would drop carts if its memory were limited."
            return [Warning(message, hint=hint, id="config.W001")]
        case EvictionPolicy.KEEPS_CARTS:
            return []
