"""Django's settings for the stores, made from their URLs."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def configure_database(
    url: str, *, statement_timeout_ms: int, lock_timeout_ms: int, prepare_threshold: int
) -> dict[str, Any]:
    """Return the settings of one database.

    `prepare_threshold` is 0 behind a proxy that pools by the transaction: the proxy keeps nothing
    for a connection, and refuses options when one starts.
    """
    database = parse_database_url(url)
    options: dict[str, Any] = {
        "connect_timeout": 2,
        # Only such a cursor can give binary results, which the catalogue reads.
        "server_side_binding": True,
        "prepare_threshold": prepare_threshold or None,
    }
    if prepare_threshold:
        # For statements outside of transactions: a transaction brings its own options.
        options["options"] = (
            f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
        )
    return database | {
        "OPTIONS": options | database["OPTIONS"],
        "CONN_MAX_AGE": None,
        "DISABLE_SERVER_SIDE_CURSORS": not prepare_threshold,
    }


def parse_database_url(url: str) -> dict[str, Any]:
    """Return Django's settings for a libpq URL such as postgresql://user:pw@host/name.

    Parameters Django has no name for (sslmode, application_name, ...) are passed to libpq as given.
    """
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": str(parts.pop("dbname", "cartwright")),
        "USER": str(parts.pop("user", "")),
        "PASSWORD": str(parts.pop("password", "")),
        "HOST": str(parts.pop("host", "")),
        "PORT": str(parts.pop("port", "")),
        "OPTIONS": parts,
    }


def configure_redis(url: str, *, timeout_seconds: float) -> dict[str, Any]:
    """Return the settings of a cache in one Redis database.

    Nothing here retries by itself, because a change that timed out may have been applied: a client
    that retried was seen to apply one "+1" 11 times.
    """
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "CONNECTION_POOL_CLASS": "config.stores.redis.ThreadPool",
            "CONNECTION_POOL_KWARGS": {
                "socket_timeout": timeout_seconds,
                "socket_connect_timeout": timeout_seconds,
                "retry": None,
                "retry_on_timeout": False,
                "decode_responses": False,
                # The carts read replies of this protocol only.
                "protocol": 2,
            },
        },
    }
