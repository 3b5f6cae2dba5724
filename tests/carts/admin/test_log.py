"""The change log in the admin."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings
from redis import Redis

from carts.admin.naming import CHANGE_NAMES, SOURCE_NAMES
from carts.log.rows import drain_streams
from carts.models import Cart, CartChange, Publication, UnreadableChange
from config.hashing import hash_secret
from products.models import Sku
from tests.accounts.factories import StaffFactory, UserFactory
from tests.carts.factories import CartChangeFactory
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import Shopper, new_guest
from tests.config.admin.staff import sign_in
from tests.config.project import ROOT
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
LOOK = "carts.view_cartchange"


def page(view: str, row: Any = None, model: str = "cartchange") -> str:
    return reverse(f"admin:carts_{model}_{view}", args=[row.pk] if row else [])


def log(**fields: Any) -> CartChange:
    """Write a change to the log."""
    return CartChangeFactory.create(**{"at": NOW} | fields)


def find(client: Client, **query: str) -> list[int]:
    """Return the units after each change that the list shows."""
    response = client.get(page("changelist"), query)
    assert response.status_code == 200
    return [change.after for change in response.context["cl"].result_list]


def read_row(client: Client) -> list[str]:
    """Return the texts of the only row in the list."""
    html = client.get(page("changelist")).content.decode()
    (body,) = re.findall(r"<tbody.*?</tbody>", html, re.DOTALL)
    cells = re.findall(r"<t[dh].*?</t[dh]>", body, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", cell)).strip() for cell in cells]


def test_a_change_is_shown_in_words() -> None:
    buyer, staff = UserFactory.create(username="wang"), StaffFactory.create(username="li")
    sku = SkuFactory.create(code="TH-100")
    log(
        owner_kind="user", owner_id=buyer.pk, actor=f"staff:{staff.pk}", source="admin",
        action="update", sku_id=sku.pk, before=2, after=5,
    )  # fmt: skip

    row = read_row(sign_in(LOOK))

    assert row == [
        "2026-03-10 15:30:00", "Quantity set", "TH-100", "2 → 5", "wang", "li", "Admin", "c" * 24,
    ]  # fmt: skip


def test_what_is_not_known_is_shown_as_it_is() -> None:
    log(action="new_verb", source="new_source", actor="script")

    row = read_row(sign_in(LOOK))

    assert row[1:] == [
        "new_verb", "s" * 24, "0 → 1", "Guest " + "g" * 12, "script", "new_source", "c" * 24,
    ]  # fmt: skip


def test_a_change_is_found_by_whatever_names_it(guest: Shopper, redis_server: Redis) -> None:
    buyer = UserFactory.create(username="wang", email="wang@example.com")
    sku = SkuFactory.create(code="TH-100")
    log(after=1, cart_id="a" * 24)
    log(after=2, owner_kind="user", owner_id=buyer.pk)
    log(after=3, owner_id=hash_secret("guest:guest-12345678"))
    log(after=4, sku_id=sku.pk)
    log(after=5, request_id="f" * 16)
    client = sign_in(LOOK)

    assert find(client, q="a" * 24) == [1]
    assert find(client, q="WANG") == find(client, q="wang@example.com") == [2]
    assert find(client, q=buyer.pk) == [2]
    assert find(client, q="guest-12345678") == [3]
    assert find(client, q=hash_secret("guest:guest-12345678")) == [3]
    assert find(client, q="TH-100") == find(client, q=f" {sku.pk} ") == [4]
    assert find(client, q="f" * 16) == [5]
    assert find(client, q="nothing") == []
    assert find(client, q=" ") == [5, 4, 3, 2, 1]


def test_changes_are_narrowed_by_action_source_and_time() -> None:
    log(after=1, action="remove")
    log(after=2, source="admin", at=NOW + timedelta(days=1))
    log(after=3, at=NOW + timedelta(days=2))
    client = sign_in(LOOK)

    assert find(client, action="remove") == [1]
    assert find(client, source="admin") == [2]
    assert find(client, at_from_0="2026-03-11", at_to_0="2026-03-11") == [2]
    assert find(client, at_from_0="2026-03-10", at_to_0="2026-03-11", action="add") == [2]


def test_every_action_that_is_logged_has_words() -> None:
    scripts = (ROOT / "carts/live/lua").glob("*.lua")
    verbs = re.compile(r"stage_(?:change|removals)\([^,]*'(\w+)'(?: or '(\w+)')?,")
    found = {
        verb
        for script in scripts
        for match in verbs.finditer(script.read_text(encoding="utf-8"))
        for verb in match.groups()
        if verb
    }

    assert len(found) > 8
    assert found <= set(CHANGE_NAMES)


def test_a_guests_older_changes_are_found_after_another_secret_key(settings: Settings) -> None:
    log(after=1, owner_id=hash_secret("guest:guest-12345678"))
    client = sign_in(LOOK)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    log(after=2, owner_id=hash_secret("guest:guest-12345678"))

    assert find(client, q="guest-12345678") == [2, 1]


def test_every_way_of_changing_a_cart_has_words(guest: Shopper) -> None:
    guest.add(SkuFactory.create(), 1)
    drain_streams()

    assert set(CartChange.objects.values_list("source", flat=True)) <= set(SOURCE_NAMES)


def test_it_costs_as_many_queries_for_many_changes_as_for_one_and_counts_none() -> None:
    client = sign_in(LOOK)
    log(owner_kind="user", owner_id=UserFactory.create().pk, sku_id=SkuFactory.create().pk)
    with CaptureQueriesContext(connection) as for_one:
        client.get(page("changelist"))
    for number in range(40):
        log(after=number, owner_id=UserFactory.create().pk, sku_id=SkuFactory.create().pk)

    with CaptureQueriesContext(connection) as for_many:
        assert len(find(client)) == 41

    assert len(for_many) == len(for_one)
    assert not [query for query in for_many if "COUNT(" in query["sql"].upper()]


def test_pages_follow_each_other() -> None:
    CartChange.objects.bulk_create([CartChangeFactory.build(after=n, at=NOW) for n in range(60)])
    client = sign_in(LOOK)

    assert find(client) == list(range(59, 9, -1))
    assert find(client, p="2") == list(range(9, -1, -1))
    assert find(client, p="3") == []


def test_the_newest_are_read_by_the_index_of_times() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FILL_LOG)
        cursor.execute("ANALYZE carts_cartchange")
    client = sign_in(LOOK)
    with CaptureQueriesContext(connection) as queries:
        find(client, at_from_0="2026-03-01", at_to_0="2026-03-02")

    (sql,) = [query["sql"] for query in queries if "LIMIT 50" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "cartchange_at" in plan
    assert "Seq Scan on carts_cartchange" not in plan


# A change each minute of two weeks.
_FILL_LOG = """
INSERT INTO carts_cartchange (stream_id, cart_id, owner_kind, owner_id, action, sku_id, before,
                              after, version, actor, source, request_id, at)
SELECT n, 'c', 'guest', 'g', 'add', 's', 0, 1, n, '', 'api', 'r',
       timestamptz '2026-03-10 16:00Z' - n * interval '1 minute'
FROM generate_series(1, 20160) AS n
"""


def test_a_change_has_a_page_that_leads_to_its_cart_and_sku() -> None:
    sku = SkuFactory.create()
    new_guest().add(sku, 1)
    save_all()
    drain_streams()
    change = CartChange.objects.get()

    html = sign_in(LOOK).get(page("change", change)).content.decode()

    assert f'href="/admin/carts/cart/{Cart.objects.get().pk}/change/"' in html
    assert f'href="/admin/products/sku/{Sku.objects.get().pk}/change/"' in html


def make_rows() -> dict[str, Any]:
    return {
        "cartchange": log(),
        "unreadablechange": UnreadableChange.objects.create(
            stream_id="1-0", entry={"action": "?"}, reason="version is missing"
        ),
        "publication": Publication.objects.create(channel="kafka", last_id=7),
    }


@pytest.mark.parametrize("model", ["cartchange", "unreadablechange", "publication"])
def test_rows_are_seen_with_the_permission_and_changed_by_nobody(model: str) -> None:
    row = make_rows()[model]
    every = [f"carts.{verb}_{model}" for verb in ("view", "add", "change", "delete")]
    stranger, reader = sign_in("carts.view_cart"), sign_in(*every)
    listed, shown = page("changelist", model=model), page("change", row, model)

    assert stranger.get(listed).status_code == stranger.get(shown).status_code == 403
    assert reader.get(listed).status_code == reader.get(shown).status_code == 200
    for view in (page("add", model=model), shown, page("delete", row, model)):
        assert reader.post(view, {"post": "yes"}).status_code == 403, view
    assert type(row).objects.filter(pk=row.pk).exists()


def test_unreadable_entries_are_found_by_reason() -> None:
    make_rows()
    client = sign_in("carts.view_unreadablechange")
    url = page("changelist", model="unreadablechange")

    found = client.get(url, {"q": "version"}).context["cl"].result_list
    none = client.get(url, {"q": "owner"}).context["cl"].result_list

    assert [row.stream_id for row in found] == ["1-0"]
    assert list(none) == []
