"""manage.py service_key."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.keys import find_key
from accounts.models import ServiceKey

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    """Return what the command says, and what it says beside."""
    out, err = StringIO(), StringIO()
    call_command("service_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_add_prints_the_key_alone_and_once() -> None:
    out, err = run("add", "erp", "--scopes", "stock:write, catalogue:read", "--days", "30")

    key = find_key(out.strip(), timezone.now())
    assert key is not None
    assert (key.name, key.scopes) == ("erp", ["catalogue:read", "stock:write"])
    assert key.expires_at == key.created_at + timedelta(days=30)
    assert "erp" in err
    assert out.strip() not in err + run("list")[0]


@pytest.mark.parametrize("name", ["", "a b", "a\n", "-", "a" * 65, "a\0"])
def test_a_bad_name_is_refused(name: str) -> None:
    # argparse takes what begins with a hyphen for an option, unless "--" stands before.
    with pytest.raises(CommandError):
        run("add", "--scopes", "stock:write", "--", name)

    assert not ServiceKey.objects.exists()


def test_a_name_is_given_once() -> None:
    run("add", "erp", "--scopes", "stock:write")

    with pytest.raises(CommandError, match="There is, or has been, a service key erp"):
        run("add", "erp", "--scopes", "stock:write")


@pytest.mark.parametrize(
    "arguments",
    [
        ["erp"],
        ["erp", "--scopes", ""],
        ["erp", "--scopes", "stock:write,everything"],
        ["erp", "--scopes", "stock:write", "--days", "0"],
        ["erp", "--scopes", "stock:write", "--days", "99999"],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("add", *arguments)

    assert not ServiceKey.objects.exists()


def test_list_tells_what_became_of_each_key() -> None:
    run("add", "alive", "--scopes", "stock:write")
    run("add", "expired", "--scopes", "stock:write", "--days", "1")
    run("add", "revoked", "--scopes", "catalogue:read,stock:write")
    ServiceKey.objects.filter(name="expired").update(expires_at="2026-01-02T03:04:05Z")
    run("revoke", "revoked")
    ServiceKey.objects.filter(name="revoked").update(
        revoked_at="2026-01-02T03:04:05Z", last_used_at="2026-01-01T00:00:00Z"
    )

    lines = run("list")[0].splitlines()

    prefixes = dict(ServiceKey.objects.values_list("name", "prefix"))
    assert lines == [
        f"alive  {prefixes['alive']}…  expires never  last used never  stock:write",
        f"expired  {prefixes['expired']}…  expired 2026-01-02T03:04:05.000Z  last used never"
        "  stock:write",
        f"revoked  {prefixes['revoked']}…  revoked 2026-01-02T03:04:05.000Z"
        "  last used 2026-01-01T00:00:00.000Z  catalogue:read,stock:write",
    ]


def test_revoke_ends_a_key_once() -> None:
    secret = run("add", "erp", "--scopes", "stock:write")[0].strip()

    first, second = run("revoke", "erp")[0], run("revoke", "erp")[0]

    assert (first, second) == (
        "Service key erp is revoked.\n",
        "Service key erp was revoked before.\n",
    )
    assert find_key(secret, timezone.now()) is None
    with pytest.raises(CommandError, match="no service key"):
        run("revoke", "other")
