"""Saving, restoring, repairing, merging and ending a cart from its page."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from redis import Redis

from accounts.models import User
from carts.admin.refusals import tell_refusal
from carts.domain.errors import (
    AccessDenied,
    CartChanged,
    CartContended,
    CartError,
    CartFull,
    CartNotFound,
    CartStoreUnavailable,
    InvalidProductOrQuantity,
    ItemNotFound,
    ProductNotFound,
)
from carts.live.keys import cart_key
from carts.log.rows import drain_streams
from carts.models import Cart, CartChange
from products.models import Sku
from tests.carts.admin.actions.test_lines import nothing_logged
from tests.carts.admin.staff import do, find_rows, sign_in
from tests.carts.api.test_store_down import without_store
from tests.carts.permanent.copies import (
    hash_of,
    is_unsaved,
    lose_hash,
    owner_of,
    row_of,
    save_all,
    saved_units,
)
from tests.carts.shopper import Shopper, quantities_of, unchanged
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.steps import RETIRE, act_before_next

pytestmark = pytest.mark.django_db


def logged_actions() -> list[tuple[str, str, str]]:
    """Return action, source and actor of what the change log has of the staff, oldest first."""
    drain_streams()
    rows = CartChange.objects.filter(source="admin").order_by("pk")
    return list(rows.values_list("action", "source", "actor"))


def test_save_now_saves_and_is_logged(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 2)
    client, staff = sign_in("carts.save_cart")

    answer = do(client, shopper, "save")

    assert answer.messages == [f"The cart is saved at version {cart['version']}."]
    assert saved_units(shopper) == {sku.id: 2}
    assert not is_unsaved(redis_server, shopper)
    assert logged_actions() == [("save", "admin", f"staff:{staff.pk}")]
    assert LogEntry.objects.get().object_id == cart["id"]


def test_there_is_nothing_to_save_without_a_hash(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    lose_hash(redis_server, shopper)
    client, _ = sign_in("carts.save_cart")

    with nothing_logged():
        answer = do(client, shopper, "save")

    assert answer.messages == [
        "There is no living cart, or it cannot be saved as it is. Nothing was written."
    ]


def test_restore_brings_a_cart_back(shopper: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 2)
    save_all()
    lose_hash(redis_server, shopper)
    client, staff = sign_in("carts.restore_cart")

    answer = do(client, shopper, "restore")

    assert answer.messages == ["The cart is back, with 1 line."]
    assert hash_of(redis_server, shopper)[b"@version"] == str(row_of(shopper).version).encode()
    assert logged_actions() == [("restore", "admin", f"staff:{staff.pk}")]


def test_a_living_cart_is_not_restored_over(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    save_all()
    shopper.add(sku)
    client, _ = sign_in("carts.restore_cart")

    with unchanged(shopper), nothing_logged():
        answer = do(client, shopper, "restore")

    assert answer.messages == ["The cart lives in Redis; it stays as it is."]


def test_a_drifted_copy_is_repaired_once_confirmed(shopper: Shopper) -> None:
    sku = SkuFactory.create(code="TH-1")
    shopper.add(sku, 2)
    save_all()
    row_of(shopper).items.update(quantity=7)
    client, staff = sign_in("carts.repair_cart")

    with unchanged(shopper), nothing_logged():
        asked = do(client, shopper, "repair")
    assert saved_units(shopper) == {sku.id: 7}
    done = asked.confirm()

    assert asked.preview.rows == [("TH-1", "2", "7", "2")]
    assert done.messages == ["The two copies agree again."]
    assert saved_units(shopper) == {sku.id: 2}
    assert quantities_of(shopper.cart()) == {sku.id: 2}
    assert logged_actions() == [("repair", "admin", f"staff:{staff.pk}")]


def test_a_hash_from_an_older_file_is_united_with_its_copy(
    shopper: Shopper, redis_server: Redis
) -> None:
    old, new = SkuFactory.create(code="OLD"), SkuFactory.create(code="NEW")
    shopper.add(old)
    save_all()
    older = redis_server.dump(cart_key(owner_of(shopper)))
    shopper.add(new, 3)
    save_all()
    redis_server.restore(cart_key(owner_of(shopper)), 0, older, replace=True)  # type: ignore[arg-type]
    client, _ = sign_in("carts.repair_cart")

    asked = do(client, shopper, "repair")
    done = asked.confirm()

    assert asked.preview.rows == [("NEW", "–", "3", "3")]
    assert done.messages == ["The two copies agree again."]
    assert quantities_of(shopper.cart()) == {old.id: 1, new.id: 3}


def test_what_has_not_drifted_is_not_repaired(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    client, _ = sign_in("carts.repair_cart")

    with unchanged(shopper), nothing_logged():
        answer = do(client, shopper, "repair")

    assert answer.messages == ["The two copies have not drifted apart."]


def test_a_guests_cart_is_merged_once_confirmed(guest: Shopper, user: Shopper) -> None:
    both, rare = SkuFactory.create(code="A", stock=9), SkuFactory.create(code="B", stock=2)
    guest.add(both, 2)
    guest.add(rare, 2)
    user.add(both, 3)
    client, staff = sign_in("carts.merge_cart")
    account = User.objects.get(pk=user.owner_id)

    with unchanged(guest, user), nothing_logged():
        asked = do(client, guest, "merge", user=user.owner_id, strategy="sum")
    done = asked.confirm()

    assert asked.preview.rows == [("A", "2", "3", "5"), ("B", "2", "–", "2")]
    assert done.messages == [f"2 lines went into the cart of {account.username}, 0 were left out."]
    assert quantities_of(user.cart()) == {both.id: 5, rare.id: 2}
    assert quantities_of(guest.cart()) == {}
    actions = logged_actions()
    assert [action for action, _, _ in actions] == ["merge", "merge", "hand_over", "hand_over"]
    assert {actor for _, _, actor in actions} == {f"staff:{staff.pk}"}


def test_a_merge_says_what_is_capped_and_what_is_left_out(guest: Shopper, user: Shopper) -> None:
    limited, scarce = SkuFactory.create(code="A", purchase_limit=1), SkuFactory.create(code="B")
    guest.add(limited)
    guest.add(scarce, 3)
    buy(user, limited)
    Sku.objects.filter(pk=scarce.pk).update(stock=2)
    client, _ = sign_in("carts.merge_cart")
    account = User.objects.get(pk=user.owner_id)

    asked = do(client, guest, "merge", user=user.owner_id, strategy="sum")
    done = asked.confirm()

    assert asked.preview.rows == [
        ("B", "3", "–", "2, no more are to be had"),
        ("A", "1", "–", "left out"),
    ]
    assert done.messages == [f"1 line went into the cart of {account.username}, 1 were left out."]
    assert quantities_of(user.cart()) == {scarce.id: 2}


def test_a_merge_is_not_done_to_a_users_cart_that_has_changed_since(
    guest: Shopper, user: Shopper
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    user.add(sku)
    client, _ = sign_in("carts.merge_cart")
    asked = do(client, guest, "merge", user=user.owner_id, strategy="sum")
    user.add(sku)

    with unchanged(guest, user), nothing_logged():
        done = asked.confirm()

    assert done.messages == [
        "The cart has changed since this page was shown. Nothing was done; look at it again."
    ]


def test_a_users_cart_and_a_strange_strategy_are_not_merged(guest: Shopper, user: Shopper) -> None:
    guest.add(SkuFactory.create())
    cart = user.add(SkuFactory.create())
    client, _ = sign_in("carts.merge_cart")
    body = {"user": user.owner_id, "version": cart["version"], "user_version": cart["version"]}

    with unchanged(guest, user), nothing_logged():
        of_user = do(client, user, "merge", strategy="sum", confirmed="yes", **body)
        strange = do(client, guest, "merge", strategy="none", confirmed="yes", **body)

    assert of_user.messages == ["Only a guest's cart can be merged into a user's."]
    assert "Select a valid choice" in strange.messages[0]


def test_a_guests_cart_is_ended_once_confirmed(guest: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    ended = guest.add(sku, 2)
    client, staff = sign_in("carts.expire_cart")

    with unchanged(guest), nothing_logged():
        asked = do(client, guest, "expire")
    done = asked.confirm()

    assert done.messages == ["The cart has ended."]
    assert hash_of(redis_server, guest) == {}
    assert row_of(guest).status == "EXPIRED"
    assert saved_units(guest) == {sku.id: 2}
    assert logged_actions() == [("expire", "admin", f"staff:{staff.pk}")]
    begun = guest.add(sku)
    assert begun["id"] != ended["id"]
    assert quantities_of(begun) == {sku.id: 1}
    save_all()
    statuses = set(find_rows(guest).values_list("pk", "status"))
    assert statuses == {(ended["id"], "EXPIRED"), (begun["id"], "ACTIVE")}


def test_a_users_cart_is_put_to_rest_and_comes_back(user: Shopper, redis_server: Redis) -> None:
    sku = SkuFactory.create()
    cart = user.add(sku, 2)
    client, _ = sign_in("carts.expire_cart")

    done = do(client, user, "expire").confirm()

    assert done.messages == ["The cart is at rest in the database."]
    assert hash_of(redis_server, user) == {}
    row = row_of(user)
    assert (row.status, row.retired_at is None) == ("ACTIVE", False)
    back = user.cart()
    assert (back["id"], quantities_of(back)) == (cart["id"], {sku.id: 2})
    assert row_of(user).retired_at is None


def test_a_cart_that_only_the_database_has_can_be_ended(
    guest: Shopper, redis_server: Redis
) -> None:
    guest.add(SkuFactory.create())
    save_all()
    lose_hash(redis_server, guest)
    client, _ = sign_in("carts.expire_cart")

    done = do(client, guest, "expire").confirm()

    assert done.messages == ["The cart has ended."]
    assert row_of(guest).status == "EXPIRED"
    assert guest.cart()["items"] == []


def test_a_cart_that_has_changed_since_is_not_ended(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    client, _ = sign_in("carts.expire_cart")
    asked = do(client, shopper, "expire")
    shopper.add(sku)

    with unchanged(shopper), nothing_logged():
        asked.confirm()

    assert not Cart.objects.filter(retired_at__isnull=False).exists()


def test_a_change_at_the_last_moment_keeps_a_guests_cart(
    guest: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    client, _ = sign_in("carts.expire_cart")
    asked = do(client, guest, "expire")
    act_before_next(monkeypatch, RETIRE, lambda: guest.add(sku))

    done = asked.confirm()

    assert done.messages == [
        "The cart keeps changing, or is being merged. Nothing was done; try again shortly."
    ]
    row = row_of(guest)
    assert (row.status, row.retired_at) == ("ACTIVE", None)
    assert row.expires_at > timezone.now() + timedelta(days=29)
    assert quantities_of(guest.cart()) == {sku.id: 2}
    assert logged_actions() == []


def test_a_hash_that_is_no_cart_is_not_ended(shopper: Shopper, redis_server: Redis) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    redis_server.hset(cart_key(owner_of(shopper)), "@version", "none")
    before = list(Cart.objects.values("status", "version", "expires_at"))
    client, _ = sign_in("carts.expire_cart")

    with nothing_logged():
        ended = do(client, shopper, "expire", confirmed="yes", version=0)

    assert ended.messages == ["What Redis holds is not a cart, so it cannot be saved first."]
    assert list(Cart.objects.values("status", "version", "expires_at")) == before


def test_a_hash_that_is_no_cart_makes_way_for_its_copy(
    shopper: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 3)
    save_all()
    redis_server.hset(cart_key(owner_of(shopper)), "@version", "none")
    client, staff = sign_in("carts.repair_cart")

    asked = do(client, shopper, "repair")
    answer = asked.confirm()

    assert asked.preview.sentences == [
        "What Redis holds is not a cart.",
        "It is put away for 30 days, and the copy comes back in its place:",
    ]
    assert asked.preview.rows == [(sku.code, "3")]
    assert answer.messages == ["The two copies agree again."]
    assert quantities_of(shopper.cart()) == saved_units(shopper) == {sku.id: 3}
    assert logged_actions() == [("repair", "admin", f"staff:{staff.pk}")]


def test_a_hash_that_is_no_cart_stays_where_no_copy_can_come_back(
    shopper: Shopper, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create())
    redis_server.hset(cart_key(owner_of(shopper)), "@version", "none")
    client, _ = sign_in("carts.repair_cart")

    with nothing_logged():
        repaired = do(client, shopper, "repair")

    assert repaired.messages == ["What Redis holds is not a cart, and no copy of it can come back."]
    assert redis_server.hget(cart_key(owner_of(shopper)), "@version") == b"none"


@pytest.mark.parametrize("action", ["save", "restore", "repair", "expire"])
def test_without_the_live_store_every_action_is_a_sentence(shopper: Shopper, action: str) -> None:
    shopper.add(SkuFactory.create())
    save_all()
    client, _ = sign_in(f"carts.{action}_cart")

    with unchanged(shopper), nothing_logged(), without_store():
        answer = do(client, shopper, action, confirmed="yes")

    assert answer.status == 200
    assert "The live store cannot be reached right now" in answer.messages[0]


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (CartStoreUnavailable(), "it is not known whether this was done"),
        (CartContended(), "Nothing was done; try again shortly."),
        (CartChanged(), "Nothing was done; look at it again."),
        (CartFull(), "The cart is full."),
        (CartNotFound(), "There is no living cart."),
        (ItemNotFound(), "The cart has no such line any more."),
        (ProductNotFound(product_id="x"), "There is no such product."),
        (InvalidProductOrQuantity(), "That is more than a line may hold."),
        (AccessDenied(), "Access denied to cart item."),
    ],
)
def test_refusals_say_whether_anything_was_done(refusal: CartError, sentence: str) -> None:
    assert sentence in tell_refusal(refusal)


def test_the_page_names_the_member_of_staff(user: Shopper) -> None:
    user.add(SkuFactory.create())
    client, staff = sign_in("carts.save_cart")

    answer: Any = do(client, user, "save")

    change = answer.response.context["page"].changes[0]
    assert (change.action, change.actor, change.source) == ("save", staff.username, "admin")
