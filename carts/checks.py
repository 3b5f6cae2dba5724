"""System checks of what carts are set up with."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_publishing(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Complain where changes are to be published and the client for that is not installed."""
    if not settings.CART_EVENTS_KAFKA or find_spec("confluent_kafka") is not None:
        return []
    return [
        Error(
            "CART_EVENTS_KAFKA is set, and confluent-kafka is not installed.",
            hint="Install requirements/kafka.txt, or unset it.",
            id="carts.E001",
        )
    ]
