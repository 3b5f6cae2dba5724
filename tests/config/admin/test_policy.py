"""What the admin's pages may load."""

import pytest
from django.test import Client

from tests.config.admin.staff import sign_in_superuser

pytestmark = pytest.mark.django_db


def read_policy(client: Client, path: str) -> dict[str, str]:
    rules = client.get(path)["Content-Security-Policy"].split("; ")
    return dict(rule.split(" ", 1) for rule in rules)


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/nowhere/"])
def test_every_page_loads_from_its_own_host_alone(path: str) -> None:
    policy = read_policy(sign_in_superuser(), path)

    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    hosts = [rule for name, rule in policy.items() if name != "img-src" and ":" in rule]
    assert hosts == []


def test_other_pages_keep_their_own_policy(client: Client) -> None:
    assert "unsafe" not in client.get("/")["Content-Security-Policy"]
    assert "Content-Security-Policy" not in client.get("/api/products")
