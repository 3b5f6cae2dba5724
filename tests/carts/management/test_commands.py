"""The operators' commands: what they print, as text and as JSON, and their exit codes."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.db import connections
from redis import Redis

from carts.live import care
from carts.live.keys import cart_key
from carts.models import Cart, CartItem
from carts.permanent.saving import save_cart
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    let_idle,
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
)
from tests.carts.shopper import Shopper, quantities_of
from tests.factories import SkuFactory
from tests.steps import FIND_CARTS, LOOK_AT_HASH, act_after, act_before_next

pytestmark = pytest.mark.django_db

COMMANDS = ["cart_stats", "expire_carts", "inspect_cart", "restore_cart", "sync_cart"]


def run(*words: str) -> str:
    """Run a command that succeeds, and return what it prints."""
    output = io.StringIO()
    call_command(*words, stdout=output)
    return output.getvalue()


def read(*words: str) -> Any:
    """Run a command that succeeds, and return the JSON it prints."""
    return json.loads(run(*words, "--json"))


def fail(*words: str) -> tuple[str, int, Any]:
    """Run a command that fails; return its message, exit code and the JSON it prints."""
    output = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*words, "--json", stdout=output)
    return str(caught.value), caught.value.returncode, json.loads(output.getvalue())


def name(shopper: Shopper) -> tuple[str, str]:
    return f"--{owner_of(shopper).kind}", shopper.owner_id


def test_sync_saves_all_carts(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)

    done = read("sync_cart", "--all")

    assert 0 < done.pop("seconds") < 60
    assert done == {
        "saved": 1, "unchanged": 0, "vanished": 0, "united": 0, "setAside": 0, "postponed": 0,
    }  # fmt: skip
    assert saved_units(shopper) == {sku.id: 2}
    assert run("sync_cart", "--all").startswith("0 carts saved")


def test_sync_saves_one_cart(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 2)

    text = run("sync_cart", *name(shopper))

    assert text == f"Cart {cart['id']} is saved at version {cart['version']}.\n"
    assert saved_units(shopper) == {sku.id: 2}
    assert not is_unsaved(redis_server, shopper)


def test_sync_of_a_cart_that_does_not_live_does_nothing(shopper: Shopper) -> None:
    assert read("sync_cart", *name(shopper)) == {"cart": None, "version": None}


def test_a_dry_run_saves_nothing(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())

    everything = read("sync_cart", "--all", "--dry-run")
    this_one = read("sync_cart", *name(shopper), "--dry-run")

    assert (everything["unsaved"], this_one) == (1, {"unsaved": 1})
    assert 0 <= everything["oldestUnsavedSeconds"] < 60
    assert is_unsaved(redis_server, shopper)
    assert Cart.objects.count() == 0


def test_sync_that_cannot_save_a_cart_fails(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    redis_server.hset(cart_key(owner_of(guest)), "@version", "none")

    message, code, data = fail("sync_cart", "--all")

    assert (message, code, data["setAside"]) == ("1 carts cannot be saved.", 1, 1)
    assert fail("sync_cart", *name(guest))[:2] == ("The cart cannot be saved.", 1)


def test_verify_finds_nothing_where_all_is_well(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    save_all()
    saved = read("sync_cart", "--all", "--verify")
    shopper.add(sku)

    unsaved = read("sync_cart", "--all", "--verify")

    assert saved == unsaved == {"compared": 1, "drifted": 0, "mended": 0, "drifts": []}
    assert (
        run("sync_cart", *name(shopper), "--verify") == "1 carts compared, 0 differed, 0 mended.\n"
    )


def spoil_line(shopper: Shopper, redis: Redis) -> None:
    CartItem.objects.update(quantity=7)


def lose_line(shopper: Shopper, redis: Redis) -> None:
    CartItem.objects.all().delete()


def lose_row(shopper: Shopper, redis: Redis) -> None:
    CartItem.objects.all().delete()
    Cart.objects.all().delete()


def lose_mark(shopper: Shopper, redis: Redis) -> None:
    redis.hincrby(cart_key(owner_of(shopper)), "@version", 1)


def roll_back(shopper: Shopper, redis: Redis) -> None:
    Cart.objects.update(version=row_of(shopper).version + 10)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (spoil_line, "differs"),
        (lose_line, "differs"),
        (lose_row, "not saved"),
        (lose_mark, "not marked"),
        (roll_back, "other history"),
    ],
)
def test_verify_finds_drift_and_repair_mends_it(
    spoil: Any, kind: str, shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 2)
    save_all()
    spoil(shopper, redis_server)
    before = hash_of(redis_server, shopper)

    message, code, data = fail("sync_cart", "--all", "--verify")

    assert (message, code) == ("1 carts differ from their saved copies.", 1)
    assert [(d["cart"], d["kind"]) for d in data["drifts"]] == [(cart["id"], kind)]
    assert hash_of(redis_server, shopper) == before

    mended = read("sync_cart", *name(shopper), "--repair")

    assert (mended["drifted"], mended["mended"]) == (1, 1)
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 2}
    assert read("sync_cart", "--all", "--verify")["drifted"] == 0


def test_verify_of_a_cart_that_does_not_live_compares_nothing(guest: Shopper) -> None:
    compared = read("sync_cart", *name(guest), "--verify")

    assert compared == {"compared": 0, "drifted": 0, "mended": 0, "drifts": []}


def test_a_change_and_a_save_while_verify_looks_are_no_drift(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 1)
    save_all()

    def change_and_save() -> None:
        shopper.add(sku, 1)
        save_all()

    act_before_next(monkeypatch, FIND_CARTS, change_and_save)

    assert read("sync_cart", "--all", "--verify") == {
        "compared": 1, "drifted": 0, "mended": 0, "drifts": [],
    }  # fmt: skip


def test_verify_prints_what_differs_line_by_line(guest: Shopper) -> None:
    grown, gone = SkuFactory.create_batch(2)
    guest.add(grown, 2)
    guest.add(gone, 1)
    save_all()
    CartItem.objects.filter(sku=grown).update(quantity=7, selected=False)
    CartItem.objects.filter(sku=gone).delete()

    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("sync_cart", *name(guest), "--verify", stdout=output)

    revision = grown.revision
    assert f"  {grown.id}: 2 of revision {revision} in Redis, " in output.getvalue()
    assert f"7 unselected of revision {revision} in the database\n" in output.getvalue()
    assert f"  {gone.id}: 1 of revision {gone.revision} in Redis, nothing in the database\n" in (
        output.getvalue()
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis, key: redis.hset(key, "@version", "none"),
        lambda redis, key: redis.hset(key, "s" * 24, "too short"),
        lambda redis, key: (redis.delete(key), redis.set(key, "no hash at all")),
    ],
)
def test_repair_has_the_copy_take_the_place_of_an_unreadable_hash(
    spoil: Callable[[Redis, str], object], shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    key = cart_key(owner_of(shopper))
    spoil(redis_server, key)
    save_cart(owner=owner_of(shopper), source="test")
    spoilt = redis_server.dump(key)

    mended = read("sync_cart", "--all", "--repair")

    assert [drift["kind"] for drift in mended["drifts"]] == ["unreadable"]
    assert (mended["drifted"], mended["mended"]) == (1, 1)
    assert quantities_of(shopper.cart()) == {sku.id: 2}
    assert quantities_of(shopper.add(sku, 1)) == {sku.id: 3}
    kept = key.replace("cart:", "cart:unreadable:")
    assert redis_server.dump(kept) == spoilt
    assert 29 * 86_400 < redis_server.ttl(kept) <= 30 * 86_400
    assert redis_server.zcard("cart:set-aside") == 0


def test_an_unreadable_hash_that_has_changed_by_now_is_not_put_away(
    guest: Shopper, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    key = cart_key(owner_of(guest))
    version = redis_server.hget(key, "@version")
    redis_server.hset(key, "@version", "none")

    def mend() -> None:
        redis_server.hset(key, "@version", version)

    act_after(monkeypatch, LOOK_AT_HASH, mend)

    assert not care.put_away(owner_of(guest), ttl_ms=1_000)

    assert quantities_of(guest.cart()) == {sku.id: 2}


def test_an_unreadable_hash_without_a_copy_is_drift_that_cannot_be_mended(
    shopper: Shopper, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create())
    redis_server.hset(cart_key(owner_of(shopper)), "@version", "none")

    message, code, data = fail("sync_cart", "--all", "--repair")

    assert (message, code) == ("1 carts differ from their saved copies.", 1)
    assert [drift["kind"] for drift in data["drifts"]] == ["unreadable"]


@pytest.mark.parametrize("form", ["--json", "--no-color"])
def test_a_guest_id_is_not_printed_unless_it_was_given(
    form: str, guest: Shopper, capsys: pytest.CaptureFixture[str]
) -> None:
    guest.add(SkuFactory.create())
    save_all()
    CartItem.objects.update(quantity=7)

    for words in (["sync_cart", "--all", "--verify"], ["inspect_cart", *name(guest)]):
        with pytest.raises(CommandError):
            call_command(*words, form)
    printed = capsys.readouterr()

    assert guest.owner_id not in printed.out + printed.err


def test_restore_brings_a_lost_cart_back(shopper: Shopper, redis_server: Redis) -> None:
    cart = shopper.add(SkuFactory.create(), 2)
    save_all()
    redis_server.flushdb()

    data = read("restore_cart", *name(shopper))

    assert data == {
        "outcome": "restored", "cart": cart["id"], "version": cart["version"], "lines": 1,
    }  # fmt: skip
    assert hash_of(redis_server, shopper)[b"@id"] == cart["id"].encode()


def test_restore_leaves_a_living_cart_alone(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    before = hash_of(redis_server, shopper)

    assert read("restore_cart", *name(shopper)) == {"outcome": "living"}

    assert hash_of(redis_server, shopper) == before


def test_restore_fails_where_there_is_nothing(shopper: Shopper) -> None:
    message, code, data = fail("restore_cart", *name(shopper))

    assert (message, code) == ("The database has no active cart of this owner.", 1)
    assert data == {"outcome": "nothing"}


def test_expire_ends_idle_carts_unless_it_is_a_dry_run(guest: Shopper, redis_server: Redis) -> None:
    guest.add(SkuFactory.create())
    save_all()
    let_idle(guest)
    lose_hash(redis_server, guest)
    expected = {"expired": 1, "retired": 0, "purged": 0, "kept": 0, "failed": 0, "erased": 0}

    assert read("expire_carts", "--dry-run") == expected
    assert row_of(guest).status == "ACTIVE"
    assert read("expire_carts") == expected
    assert row_of(guest).status == "EXPIRED"
    assert run("expire_carts").startswith("0 guests' carts ended")


def test_inspect_shows_both_copies(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    saved = shopper.add(sku, 2)
    save_all()
    living = shopper.add(sku, 1)

    data = read("inspect_cart", *name(shopper))
    text = run("inspect_cart", *name(shopper))

    assert (data["redis"]["version"], data["database"]["version"]) == (
        living["version"], saved["version"],
    )  # fmt: skip
    assert data["redis"]["lines"] == {sku.id: f"3 at revision {sku.revision}"}
    assert data["database"]["lines"] == {sku.id: f"2 at revision {sku.revision}"}
    assert (data["drift"], data["pendingOrders"]) == (None, [])
    assert data["redis"]["unsaved since"] != ""
    assert "drift: none" in text
    assert str(living["version"]) in text
    assert str(saved["version"]) in text


def test_inspect_says_that_copies_drifted(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create(), 2)
    save_all()
    CartItem.objects.update(quantity=7)

    message, code, data = fail("inspect_cart", *name(shopper))

    assert (message, code) == ("The two copies have drifted apart.", 1)
    assert data["drift"] == "differs"


def test_inspect_fails_where_there_is_no_cart(shopper: Shopper) -> None:
    assert fail("inspect_cart", *name(shopper))[:2] == ("There is no such cart.", 1)


def test_stats_count_carts_in_both_places(guest: Shopper, user: Shopper) -> None:
    sku = SkuFactory.create()
    guest.add(sku, 2)
    user.add(sku, 3)
    save_all()
    guest.add(sku, 1)

    data = read("cart_stats")

    assert data["redis"]["unsaved"] == 1
    assert data["redis"]["counters"]["saves"] == 2
    database = data["database"]
    assert database["carts"] == {"user": {"ACTIVE": 1}, "guest": {"ACTIVE": 1}}
    assert (database["lines"], database["units"]) == (2, 5)
    assert "unsaved: 1" in run("cart_stats")


@pytest.mark.parametrize(
    "words",
    [
        ["sync_cart"],
        ["sync_cart", "--user", "u1", "--all"],
        ["sync_cart", "--guest", "short"],
        ["sync_cart", "--user", "user:1"],
        ["sync_cart", "--all", "--dry-run", "--verify"],
        ["sync_cart", "--all", "--dry-run", "--repair"],
        ["restore_cart"],
        ["inspect_cart", "--guest", "../../etc/passwd"],
        ["expire_carts", "--all"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test's own transaction is on one of them.
    monkeypatch.setattr(connections, "close_all", lambda: None)

    with pytest.raises(SystemExit) as exited:
        load_command_class("carts", words[0]).run_from_argv(["manage.py", *words])

    assert (exited.value.code, capsys.readouterr().out) == (2, "")


def test_wrong_usage_ends_the_process_with_2() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "sync_cart", "--all", "--dry-run", "--verify"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, ""), done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_and_exit_codes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        call_command(command, "--help")

    text = capsys.readouterr().out
    assert exited.value.code == 0
    assert f"manage.py {command}" in text
    assert "exit codes: 0" in text


@pytest.mark.parametrize("command", ["sync_cart", "inspect_cart", "restore_cart"])
def test_a_user_nobody_is_fails_by_that_name(command: str, user: Shopper) -> None:
    with pytest.raises(CommandError, match="There is no such user") as caught:
        run(command, "--user", "nobody")

    assert caught.value.returncode == 1
