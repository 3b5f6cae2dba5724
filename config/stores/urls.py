"""What Django is told about the stores, by their URLs."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def configure_database(
    url: str, *, statement_timeout_ms: int, lock_timeout_ms: int, prepare_threshold: int
) -> dict[str, Any]:
    """Return the settings of one database.

    `prepare_threshold` is 0 for a proxy that pools by the transaction: it keeps nothing for a
    connection, and refuses options at its start.
    """
    database = parse_database_url(url)
    options: dict[str, Any] = {
        "connect_timeout": 2,
        # Results in binary, as the catalogue reads them, come from no other cursor.
        "server_side_binding": True,
        "prepare_threshold": prepare_threshold or None,
    }
    if prepare_threshold:
        # For what no transaction encloses: a transaction brings its own.
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
                # The one the carts' own reading of replies is for.
                "protocol": 2,
            },
        },
    }
