"""Production refuses to start on what is insecure, with one sentence, however it is started."""

import re
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from environs import ValidationError
from pytest_django import Settings

from config.checks import find_faults, find_production_faults
from config.environment import check_currency
from tests.config.project import run_python

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "shop.example",
    "DATABASE_URL": "postgresql://shop:secret@db.example/cartwright",
    "REDIS_URL": "redis://redis.example:6379/0",
}
NO_EMBEDDED_SERVERS = "DATABASE_URL and REDIS_URL must not name the embedded servers."
WEAK_SECRET = "SECRET_KEY must be random, with 50 characters at least."
WEAK_WEBHOOK_SECRET = (
    "PAYMENT_WEBHOOK_SECRET must be random, with 32 characters at least, or unset."
)


def weak_fallbacks(name: str) -> str:
    return (
        f"{name}_FALLBACKS must not name the development key, and must be random, with"
        " 50 characters at least each."
    )


START = "Cartwright does not start in production like this: "
START_ANYWHERE = "Cartwright does not start like this: "


@pytest.fixture
def production(settings: Settings, data_dir: Path) -> Settings:
    """Set what production must set, and nothing wrong."""
    settings.SECRET_KEY = secrets.token_urlsafe(64)
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"SIGNING_KEY": secrets.token_urlsafe(64)}
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.STORES_ARE_EMBEDDED = False
    settings.DATA_DIR = data_dir
    return settings


def test_safe_production_settings_load() -> None:
    assert run_python("-c", "import config.wsgi", **GOOD).returncode == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"SECRET_KEY": "development-only-secret-key-never-used-in-production"},
            "SECRET_KEY must be set, and not to the development key."
            " JWT_SIGNING_KEY must be set, and not to the development key.",
        ),
        (
            {
                "SECRET_KEY": "k3Y-" * 12,
                "JWT_SIGNING_KEY": secrets.token_urlsafe(64),
                "JWT_SIGNING_KEY_FALLBACKS": "k3Y-" * 12,
                "PAYMENT_WEBHOOK_SECRET": "whsec",
                "DEBUG": "true",
                "ALLOWED_HOSTS": "shop.example,*",
                "CORS_ALLOWED_ORIGINS": "*",
                "STORES_ARE_EMBEDDED": "1",
                "ACCESS_TOKEN_MINUTES": "16",
            },
            f"{WEAK_SECRET} {weak_fallbacks('JWT_SIGNING_KEY')} {WEAK_WEBHOOK_SECRET}"
            " DEBUG must be off. ALLOWED_HOSTS must not hold a wildcard."
            f" CORS_ALLOWED_ORIGINS must not hold a wildcard. {NO_EMBEDDED_SERVERS}"
            " ACCESS_TOKEN_MINUTES must be 1 to 15.",
        ),
        (
            {"SECRET_KEY_FALLBACKS": "development-only-secret-key-never-used-in-production"},
            f"{weak_fallbacks('SECRET_KEY')} {weak_fallbacks('JWT_SIGNING_KEY')}",
        ),
    ],
)
def test_production_refuses(change: dict[str, str], sentence: str) -> None:
    ended = run_python("manage.py", "check", **GOOD | change)

    assert ended.returncode == 1
    assert ended.stderr == f"{START}{sentence}\n"


@pytest.mark.parametrize(
    ("name", "value", "faults"),
    [
        ("SECRET_KEY", "k3Y-" * 12, [WEAK_SECRET]),
        ("SECRET_KEY", "abcd" * 20, [WEAK_SECRET]),
        ("SECRET_KEY", "abcde" * 10, []),
        ("PAYMENT_WEBHOOK_SECRET", "", []),
        ("PAYMENT_WEBHOOK_SECRET", "k3Y-w9" * 5 + "z", [WEAK_WEBHOOK_SECRET]),
        ("PAYMENT_WEBHOOK_SECRET", "k3Y-w9" * 5 + "zz", []),
        ("PAYMENT_WEBHOOK_SECRET", "abcd" * 20, [WEAK_WEBHOOK_SECRET]),
        ("ALLOWED_HOSTS", [], ["ALLOWED_HOSTS must name the shop's hosts."]),
        ("ALLOWED_HOSTS", [".shop.example"], []),
        (
            "CORS_ALLOWED_ORIGINS",
            ["https://*.example"],
            ["CORS_ALLOWED_ORIGINS must not hold a wildcard."],
        ),
        ("CORS_ALLOWED_ORIGINS", ["https://shop.example"], []),
        ("CART_TTL_DAYS", 0, ["CART_TTL_DAYS must be 1 or more."]),
        ("IDEMPOTENCY_HOURS", 0, ["IDEMPOTENCY_HOURS must be 1 or more."]),
        ("ORDER_PAYMENT_MINUTES", 0, ["ORDER_PAYMENT_MINUTES must be 1 or more."]),
        ("CART_WRITE_BEHIND_SECONDS", -1, ["CART_WRITE_BEHIND_SECONDS must be 0 or more."]),
        ("CART_WRITE_BEHIND_SECONDS", 0, []),
    ],
)
def test_faults(production: Settings, name: str, value: object, faults: list[str]) -> None:
    setattr(production, name, value)

    assert find_production_faults() == faults


@pytest.mark.parametrize(
    ("access", "refresh", "faults"),
    [
        (timedelta(minutes=15), timedelta(days=1), []),
        (timedelta(), timedelta(days=1), ["ACCESS_TOKEN_MINUTES must be 1 to 15."]),
        (timedelta(minutes=16), timedelta(days=1), ["ACCESS_TOKEN_MINUTES must be 1 to 15."]),
        (timedelta(minutes=15), timedelta(), ["REFRESH_TOKEN_DAYS must be 1 or more."]),
    ],
)
def test_token_faults(
    production: Settings, access: timedelta, refresh: timedelta, faults: list[str]
) -> None:
    production.SIMPLE_JWT = production.SIMPLE_JWT | {
        "ACCESS_TOKEN_LIFETIME": access,
        "REFRESH_TOKEN_LIFETIME": refresh,
    }

    assert find_production_faults() == faults


def test_production_refuses_the_embedded_servers_by_their_urls(data_dir: Path) -> None:
    data_dir.mkdir()
    url = "redis://127.0.0.1:20000/0"
    (data_dir / "services.env").write_text(f"DATABASE_URL=postgresql:///x\nREDIS_URL={url}\n")

    ended = run_python("manage.py", "check", **GOOD | {"DATA_DIR": str(data_dir), "REDIS_URL": url})

    assert ended.returncode == 1
    assert (
        ended.stderr == f"{START}DATABASE_URL and REDIS_URL must not name the embedded servers.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import config.wsgi"],
        ["-m", "config.server"],
        ["-m", "celery", "-A", "config", "worker"],
        ["-m", "celery", "-A", "config", "beat"],
    ],
    ids=["wsgi", "server", "worker", "beat"],
)
def test_nothing_starts_in_production_with_debug(arguments: list[str]) -> None:
    ended = run_python(*arguments, **GOOD | {"DEBUG": "true"})

    assert ended.returncode == 1
    assert f"{START}DEBUG must be off." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_production_without_a_store_starts_no_embedded_one(missing: str, data_dir: Path) -> None:
    variables = {name: value for name, value in GOOD.items() if name != missing}

    ended = run_python("manage.py", "check", **variables, DATA_DIR=str(data_dir))

    assert ended.returncode == 1
    assert ended.stderr == f"{START}{missing} must be set.\n"
    assert not data_dir.exists()


@pytest.mark.parametrize("arguments", [["manage.py", "check"], ["-m", "config.server"]])
def test_all_that_production_lacks_is_named_at_once(arguments: list[str], data_dir: Path) -> None:
    ended = run_python(
        *arguments, ENVIRONMENT="production", DATA_DIR=str(data_dir), CART_MAX_LINES="many"
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"{START}DATABASE_URL must be set. REDIS_URL must be set."
        " CART_MAX_LINES is invalid: Not a valid integer."
        " SECRET_KEY must be set, and not to the development key."
        " JWT_SIGNING_KEY must be set, and not to the development key."
        " ALLOWED_HOSTS must name the shop's hosts.\n"
    )


def test_what_the_stores_cannot_hold_is_refused() -> None:
    wrong = {
        "CART_MAX_LINES": "1001",
        "CART_MAX_UNITS_PER_LINE": "32768",
        "CART_MAX_BATCH": "0",
        "CART_CURRENCY": "EURO",
        "METRICS_NETWORKS": "10.0.0.0/8,10.0.0.0/99",
    }

    ended = run_python("manage.py", "check", **GOOD | wrong)

    assert ended.returncode == 1
    assert ended.stderr.startswith(START)
    assert set(re.findall(r"(\w+) is invalid: ", ended.stderr)) == set(wrong)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("code", ["EURO", "eur", "EUR\n"])
def test_what_is_no_code_of_a_currency_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="three capital letters"):
        check_currency(code)


@pytest.mark.parametrize("code", ["JPY", "KRW", "CLP", "KWD", "BHD", "XAU"])
def test_a_currency_without_two_decimals_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="must have two decimals"):
        check_currency(code)


@pytest.mark.parametrize("code", ["CNY", "EUR", "USD", "GBP", "INR", "MXN"])
def test_a_currency_with_two_decimals_is_taken(code: str) -> None:
    check_currency(code)


def test_no_environment_starts_with_a_currency_without_cents(data_dir: Path) -> None:
    stores = {"DATABASE_URL": GOOD["DATABASE_URL"], "REDIS_URL": GOOD["REDIS_URL"]}

    ended = run_python("manage.py", "check", **stores, CART_CURRENCY="JPY")

    assert ended.returncode == 1
    assert ended.stderr == (
        f"{START_ANYWHERE}CART_CURRENCY is invalid:"
        " A currency must have two decimals, and this one has not.\n"
    )


@pytest.mark.parametrize(
    ("lines", "units", "starts"), [(200, 9_999, True), (1_000, 7_036, True), (1_000, 7_037, False)]
)
def test_limits_that_allow_inexact_totals_are_refused(
    settings: Settings, lines: int, units: int, starts: bool
) -> None:
    settings.CART_MAX_LINES, settings.CART_MAX_UNITS_PER_LINE = lines, units

    assert (find_faults() == []) is starts
