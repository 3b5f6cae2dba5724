"""Every request begins with its own language: pages speak the visitor's, the API English."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

JSON = "application/json"
CALLS: dict[str, Callable[[Client], Any]] = {
    "not authenticated": lambda client: client.post("/api/cart/merge", "{}", JSON),
    "dead token": lambda client: client.get("/api/cart", headers={"Authorization": "Bearer x"}),
    "method": lambda client: client.patch("/api/cart", "{}", JSON),
    "type": lambda client: client.post("/api/auth/login", "a", "text/plain"),
    "fields": lambda client: client.post("/api/auth/register", '{"username": ""}', JSON),
    "password": lambda client: client.post(
        "/api/auth/register", '{"username": "ada", "password": "123", "email": "a@b.example"}', JSON
    ),
    "nowhere": lambda client: client.get("/api/nowhere"),
    "ready": lambda client: client.get("/readyz"),
    "metrics": lambda client: client.get("/metrics"),
}


def read_chinese_page() -> str:
    """Have this thread serve a visitor who reads Chinese."""
    return Client().get("/", headers={"Accept-Language": "zh-hans"}).content.decode()


@pytest.mark.parametrize("call", CALLS)
def test_the_api_speaks_english_whatever_page_the_thread_has_served(call: str) -> None:
    page = read_chinese_page()

    response = CALLS[call](Client(headers={"Accept-Language": "zh-hans"}))

    assert "购物车" in page
    assert response.content.decode().isascii()


def test_a_page_speaks_the_visitors_language_whatever_came_before() -> None:
    read_chinese_page()
    Client().get("/api/nowhere")

    pages = [
        Client().get("/", headers={"Accept-Language": language})["Content-Language"]
        for language in ("en", "zh-hans", "fr")
    ]

    assert pages == ["en", "zh-hans", "en"]
