"""The dashboard and the alerts ask for figures that /metrics has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from tests.accounts.api.test_login import without_redis
from tests.carts.shopper import new_guest

pytestmark = pytest.mark.django_db

FOLDER = Path(__file__).resolve().parent.parent.parent / "config" / "dashboards"
FIGURE = re.compile(r"\b(?:cart|http)_[a-z_]+\b")


def list_expressions() -> Iterator[str]:
    dashboard: dict[str, Any] = json.loads((FOLDER / "carts.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    rules: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def list_figures() -> set[str]:
    text = Client().get("/metrics").content.decode()
    return {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }


def test_every_figure_that_is_asked_for_is_there(settings: Settings) -> None:
    settings.CART_EVENTS_KAFKA = "kafka.example:9092"
    new_guest().cart()
    with without_redis("carts"):
        new_guest().refusal("GET", "/cart")
    expressions = list(list_expressions())

    asked = {name for expression in expressions for name in FIGURE.findall(expression)}

    assert len(expressions) > 25
    assert asked - list_figures() == set()


def test_every_figure_of_the_carts_is_on_the_dashboard_or_watched(settings: Settings) -> None:
    settings.CART_EVENTS_KAFKA = "kafka.example:9092"
    expressions = " ".join(list_expressions())

    shown = {name for name in list_figures() if name.startswith("cart_")}

    assert {name for name in shown if name not in expressions and "_created" not in name} == set()
