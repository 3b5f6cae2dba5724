"""Settings, all from the environment; the table in config/README.md lists every variable.

`ENVIRONMENT` is `development` (default), `test` or `production`. Production has no insecure
default: all that is missing, wrong or weak is named at once and stops the start (see
`config.checks`).
"""

import logging
import os
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _
from environs import validate
from phonenumbers import SUPPORTED_REGIONS

from config.environment import Environment, check_currency, check_networks, find_faults
from config.stores.urls import configure_database, configure_redis
from config.theme import THEME

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()

ENVIRONMENT = env.str(
    "ENVIRONMENT",
    "development",
    validate=validate.OneOf(["development", "test", "production"]),
)
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", ENVIRONMENT == "development")
DATA_DIR = (BASE_DIR / env.str("DATA_DIR", ".local")).resolve()

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-used-in-production"  # noqa: S105
SECRET_KEY = env.str("SECRET_KEY", DEVELOPMENT_SECRET_KEY)
# Older keys, which still verify what they once signed.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [] if IS_PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-guest-id",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = ["ETag", "Idempotent-Replayed", "Retry-After", "X-Request-ID"]

INSTALLED_APPS = [
    "config",
    "accounts",
    "products",
    "carts",
    "orders",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
]

MIDDLEWARE = [
    "config.http.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "config.http.middleware.SiteMiddleware",
]
# Middleware for requests for pages and admin only; SiteMiddleware runs it.
SITE_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.admin.policy.give_policy",
    "config.http.middleware.refuse_nul",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# When a user logs in, a hash by the second hasher is replaced by one of the first.
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
# The second translates the theme, which comes in English alone.
LOCALE_PATHS = [BASE_DIR / "config" / "locale", BASE_DIR / "config" / "locale_theme"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
# Development serves static files from their source folders; production collects them first.
STATIC_ROOT = env.path("STATIC_ROOT", DATA_DIR / "static") if IS_PRODUCTION else None
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
if IS_PRODUCTION:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "config.static_files.HashedStaticFiles"},
    }

# manage.py and the tests set both URLs when they start the embedded servers.
DATABASE_URL = env.str("DATABASE_URL")
REDIS_URL = env.str("REDIS_URL")
STORES_ARE_EMBEDDED = env.bool("STORES_ARE_EMBEDDED", False)

DATABASE_STATEMENT_TIMEOUT_MS = env.int("DATABASE_STATEMENT_TIMEOUT_MS", 10_000)
# Longer than 1 s: after that PostgreSQL looks for deadlocks, and ends one of the transactions.
DATABASE_LOCK_TIMEOUT_MS = env.int("DATABASE_LOCK_TIMEOUT_MS", 1_500)
# How long a transaction may rest and hold its locks: its process may have been stopped.
DATABASE_IDLE_TIMEOUT_MS = env.int("DATABASE_IDLE_TIMEOUT_MS", 5_000)
# Set to 0 behind a transaction-pooling proxy, which cannot keep prepared statements.
DATABASE_PREPARE_THRESHOLD = env.int("DATABASE_PREPARE_THRESHOLD", 3)

DATABASES = {
    "default": configure_database(
        DATABASE_URL,
        statement_timeout_ms=DATABASE_STATEMENT_TIMEOUT_MS,
        lock_timeout_ms=DATABASE_LOCK_TIMEOUT_MS,
        prepare_threshold=DATABASE_PREPARE_THRESHOLD,
    )
}

REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", 0.3)
CACHES = {
    name: configure_redis(REDIS_URL, timeout_seconds=REDIS_TIMEOUT_SECONDS)
    for name in ("default", "carts")
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.StatelessJWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["config.http.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.http.envelope.EnvelopeRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.http.envelope.JSONOnlyNegotiation",
    "DEFAULT_SCHEMA_CLASS": "config.http.openapi.Schema",
    "EXCEPTION_HANDLER": "config.http.errors.handle_api_exception",
    "UNAUTHENTICATED_USER": None,
}

# Identifies callers with service keys: `config.http.scopes` itself knows no accounts.
SERVICE_KEY_AUTHENTICATION = "accounts.api.authentication.ServiceKeyAuthentication"

JWT_SIGNING_KEY_FALLBACKS: list[str] = env.list(
    "JWT_SIGNING_KEY_FALLBACKS", [] if "JWT_SIGNING_KEY" in os.environ else SECRET_KEY_FALLBACKS
)
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", 15)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", 30)),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": env.str("JWT_SIGNING_KEY", SECRET_KEY),
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "user_id",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Cartwright",
    "VERSION": "1.0.0",
    "DESCRIPTION": "A shopping cart for storefronts: guests and users, live prices, exact merges.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Without this the page would ask a validator on another host.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": ["config.http.openapi.complete_schema"],
}

MAX_BODY_BYTES = 64 * 1024
# The largest body for PUT /api/catalogue/….
MAX_CATALOGUE_BODY_BYTES = 8 * 1024 * 1024
# The largest body for a page of the shop or of admin.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# How `config.server` serves. Each thread has a connection to every store.
WEB_WORKERS = env.int("WEB_WORKERS", 2, validate=validate.Range(min=1))
WEB_THREADS = env.int("WEB_THREADS", 2, validate=validate.Range(min=1, max=64))
# Connections of clients that one worker holds; more wait until one of them ends.
WEB_CONNECTIONS = env.int("WEB_CONNECTIONS", 4_096, validate=validate.Range(min=1, max=65_536))
# How long a client may take for the head of a request, for its body, and for a part of the answer.
WEB_CLIENT_SECONDS = env.int("WEB_CLIENT_SECONDS", 10, validate=validate.Range(min=1, max=60))
# How long requests under way may take to end when the server is to stop.
WEB_STOP_SECONDS = env.int("WEB_STOP_SECONDS", 8, validate=validate.Range(min=1, max=300))

# Requests a minute; 0 turns a limit off.
RATE_LIMIT_CART_WRITES = env.int("RATE_LIMIT_CART_WRITES", 600)
RATE_LIMIT_CART_WRITES_PER_ADDRESS = env.int("RATE_LIMIT_CART_WRITES_PER_ADDRESS", 6_000)
RATE_LIMIT_LOGIN = env.int("RATE_LIMIT_LOGIN", 10)
RATE_LIMIT_LOGIN_PER_ACCOUNT = env.int("RATE_LIMIT_LOGIN_PER_ACCOUNT", 300)
RATE_LIMIT_LOGIN_PER_ADDRESS = env.int("RATE_LIMIT_LOGIN_PER_ADDRESS", 60)
RATE_LIMIT_MERGE = env.int("RATE_LIMIT_MERGE", 60)
RATE_LIMIT_ORDERS = env.int("RATE_LIMIT_ORDERS", 60)
RATE_LIMIT_ORDERS_PER_ADDRESS = env.int("RATE_LIMIT_ORDERS_PER_ADDRESS", 600)
RATE_LIMIT_ORDER_READS_PER_ADDRESS = env.int("RATE_LIMIT_ORDER_READS_PER_ADDRESS", 600)
# New Idempotency-Keys an hour; each is kept for IDEMPOTENCY_HOURS, in some 250 bytes.
RATE_LIMIT_KEYS = env.int("RATE_LIMIT_KEYS", 600)
RATE_LIMIT_KEYS_PER_ADDRESS = env.int("RATE_LIMIT_KEYS_PER_ADDRESS", 6_000)
RATE_LIMIT_KEYS_IN_ALL = env.int("RATE_LIMIT_KEYS_IN_ALL", 200_000)
RATE_LIMIT_CATALOGUE_PER_ADDRESS = env.int("RATE_LIMIT_CATALOGUE_PER_ADDRESS", 1_200)
RATE_LIMIT_SERVICE_KEYS_PER_ADDRESS = env.int("RATE_LIMIT_SERVICE_KEYS_PER_ADDRESS", 60)
# How many proxies stand before the server, each adding one address to X-Forwarded-For.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0))

CART_CURRENCY = env.str("CART_CURRENCY", "CNY", validate=check_currency)
# A script can hold some 3,900 lines, but everybody waits while a script handles one cart.
CART_MAX_LINES = env.int("CART_MAX_LINES", 200, validate=validate.Range(min=1, max=1_000))
# The hash has 15 bits for a quantity: a larger one would be read back as another.
CART_MAX_UNITS_PER_LINE = env.int(
    "CART_MAX_UNITS_PER_LINE", 9_999, validate=validate.Range(min=1, max=32_767)
)
CART_MAX_BATCH = env.int("CART_MAX_BATCH", 100, validate=validate.Range(min=1, max=1_000))
CART_LOW_STOCK = env.int("CART_LOW_STOCK", 10)
CART_TTL_DAYS = env.int("CART_TTL_DAYS", 30)
CART_SHARDS = env.int("CART_SHARDS", 1, validate=validate.Range(min=1, max=100))
CART_MERGE_STRATEGY = env.str(
    "CART_MERGE_STRATEGY",
    "sum",
    validate=validate.OneOf(["sum", "guest_wins", "user_wins", "max"]),
)
CART_CHANGES_MAX = env.int("CART_CHANGES_MAX", 100_000)
# 0 keeps the change log for ever.
CART_CHANGES_RETENTION_DAYS = env.int("CART_CHANGES_RETENTION_DAYS", 180)
# Brokers as host:port,host:port; empty publishes nothing. The options are librdkafka's, as JSON.
CART_EVENTS_KAFKA = env.str("CART_EVENTS_KAFKA", "")
CART_EVENTS_KAFKA_OPTIONS = dict(env.json("CART_EVENTS_KAFKA_OPTIONS", {}))
CART_EVENTS_TOPIC = env.str("CART_EVENTS_TOPIC", "cart-changes")
CART_WRITE_BEHIND_SECONDS = env.int("CART_WRITE_BEHIND_SECONDS", 10)
CART_SAVERS = env.int("CART_SAVERS", 2, validate=validate.Range(min=1, max=64))
CART_SAVE_BATCH = env.int("CART_SAVE_BATCH", 500, validate=validate.Range(min=1, max=5_000))
CART_VERIFY_HOURS = env.int("CART_VERIFY_HOURS", 24, validate=validate.Range(min=0))
CART_RETENTION_DAYS = env.int("CART_RETENTION_DAYS", 90)
IDEMPOTENCY_HOURS = env.int("IDEMPOTENCY_HOURS", 24)

ORDER_PAYMENT_MINUTES = env.int("ORDER_PAYMENT_MINUTES", 30)
# The country of phone numbers without a country code, as two letters.
ORDER_PHONE_REGION = env.str(
    "ORDER_PHONE_REGION", "CN", validate=validate.OneOf(sorted(SUPPORTED_REGIONS))
)
# How many orders, and units in them, may wait for payment: for one user or one guest's contact, and
# for one address. 0 turns a limit off.
ORDER_MAX_PENDING = env.int("ORDER_MAX_PENDING", 20)
ORDER_MAX_PENDING_UNITS = env.int("ORDER_MAX_PENDING_UNITS", 1_000)
ORDER_MAX_PENDING_PER_ADDRESS = env.int("ORDER_MAX_PENDING_PER_ADDRESS", 200)
ORDER_MAX_PENDING_UNITS_PER_ADDRESS = env.int("ORDER_MAX_PENDING_UNITS_PER_ADDRESS", 5_000)
# Shared with the payment provider; without one the webhook is closed.
PAYMENT_WEBHOOK_SECRET = env.str("PAYMENT_WEBHOOK_SECRET", "")
# How far a signature's time may be from the present.
PAYMENT_WEBHOOK_TOLERANCE_SECONDS = env.int("PAYMENT_WEBHOOK_TOLERANCE_SECONDS", 300)

UNFOLD = THEME
# Where to go after a login on the login page itself: the theme's form then names no page.
LOGIN_REDIRECT_URL = "admin:index"

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# Otherwise beat would add its own job, which deletes old results, whenever it starts.
CELERY_RESULT_EXPIRES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker waits however long the broker is away or takes no changes, as during a failover or
# while its disk or memory is full.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_CONSUMER = "config.consumer:PatientConsumer"
# A task is delivered again this long after its worker died. The limit keeps a slow task from
# overlapping its repetition. Periodic jobs go on where the last one stopped, so no work is lost.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600}
CELERY_TASK_TIME_LIMIT = 540
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
DJANGO_CELERY_BEAT_TZ_AWARE = True

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.shop.views.show_csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", IS_PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000 if IS_PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_PRODUCTION
# These checks look in MIDDLEWARE for classes that are in SITE_MIDDLEWARE.
SILENCED_SYSTEM_CHECKS = [
    *("admin.E408", "admin.E409", "admin.E410"),
    *("security.W002", "security.W003"),
]

# Who may read /metrics: whoever sends the token, and whoever asks from these networks.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_NETWORKS = [
    ip_network(network)
    for network in env.list(
        "METRICS_NETWORKS",
        [] if IS_PRODUCTION else ["127.0.0.0/8", "::1/128"],
        validate=check_networks,
    )
]

LOG_FORMAT = env.str(
    "LOG_FORMAT", "json" if IS_PRODUCTION else "line", validate=validate.OneOf(["json", "line"])
)
# A line for each request. It costs about 20 microseconds.
LOG_REQUESTS = env.bool("LOG_REQUESTS", True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "config.http.recording.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "%(levelname)s %(name)s [%(request_id)s] %(message)s"},
        "json": {"()": "config.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["console"], "level": env.log_level("LOG_LEVEL", logging.INFO)},
    "loggers": {
        "requests": {"level": "INFO" if LOG_REQUESTS else "WARNING"},
        # Every refusal has its line from "requests"; a failure is logged with where it happened.
        "django.request": {"level": "ERROR"},
        # Lines for the start and end of frequent tasks would drown the tasks' own lines.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# All variables are read by now. A fault in one of them stops the start.
ENVIRONMENT_FAULTS = find_faults(env)
