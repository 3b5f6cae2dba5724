"""A user who is deleted is erased, whoever deletes the row, and in whatever way."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from redis import Redis

from accounts.models import RefreshFamily, User
from accounts.people import erase_user
from accounts.tasks import revoke_deactivated_users
from carts.domain.cart import Handover
from carts.live import store
from carts.live.keys import cart_key
from carts.log.rows import drain_streams
from carts.models import Cart, CartChange, CartItem, PendingSettlement
from carts.operations.merging import finish_stalled_merges
from carts.permanent.sweep import SweepResult, sweep_carts
from orders.lifecycle import cancel_order
from orders.models import Order, OrderEvent, Reply
from products.models import PurchaseTally
from tests.accounts.api.test_login import without_redis
from tests.carts.permanent.copies import owner_of, put_unsaved, read_living, save_all
from tests.carts.shopper import Shopper, new_guest, new_user, quantities_of
from tests.config.admin.staff import sign_in, sign_in_superuser
from tests.factories import SkuFactory
from tests.orders.buying import place_order
from tests.products.rows import read_stock, read_tallies

pytestmark = pytest.mark.django_db(transaction=True)

USERS = "/admin/accounts/user/"
BODY = {
    "contact": {"email": "lin@example.com", "phone": "+8613800138000"},
    "shippingAddress": {"name": "Lin", "street": "1 Nanjing Road"},
    "note": "Ring at Lin's.",
}


def account_of(shopper: Shopper) -> User:
    return User.objects.get(pk=shopper.owner_id)


def execute(sql: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def delete_by_operation(shopper: Shopper) -> None:
    erase_user(account_of(shopper))


def delete_by_orm(shopper: Shopper) -> None:
    account_of(shopper).delete()


def delete_by_queryset(shopper: Shopper) -> None:
    User.objects.filter(pk=shopper.owner_id).delete()


def delete_by_sql(shopper: Shopper) -> None:
    execute("DELETE FROM accounts_user WHERE id = %s", shopper.owner_id)


def delete_in_admin(shopper: Shopper) -> None:
    response = sign_in_superuser().post(f"{USERS}{shopper.owner_id}/delete/", {"post": "yes"})
    assert response.status_code == 302


def delete_in_admins_list(shopper: Shopper) -> None:
    fields = {"action": "delete_selected", "_selected_action": shopper.owner_id, "post": "yes"}
    assert sign_in_superuser().post(USERS, fields).status_code == 302


def delete_by_command(shopper: Shopper) -> None:
    call_command("erase_user", account_of(shopper).username, yes=True, stdout=StringIO())


Delete = Callable[[Shopper], None]
EVERY_WAY = pytest.mark.parametrize(
    "delete",
    [
        delete_by_operation, delete_by_orm, delete_by_queryset, delete_by_sql, delete_in_admin,
        delete_in_admins_list, delete_by_command,
    ],
)  # fmt: skip


def verify_all() -> None:
    """Compare all carts with their copies; raises CommandError where any differ."""
    call_command("sync_cart", all=True, verify=True, stdout=StringIO())


@EVERY_WAY
def test_the_cart_of_a_deleted_user_is_gone_after_the_sweep(
    delete: Delete, redis_server: Redis
) -> None:
    sku, gone, other = SkuFactory.create(), new_user(), new_user()
    for shopper in (gone, other):
        shopper.add(sku)
    save_all()
    gone.add(sku)

    delete(gone)
    swept = sum(sweep_carts(), SweepResult())

    assert swept == SweepResult(erased=int(delete is delete_by_sql))
    assert not redis_server.exists(cart_key(owner_of(gone)))
    assert redis_server.zcard("cart:dirty") == redis_server.zcard("cart:set-aside") == 0
    assert list(CartItem.objects.values_list("cart__user_id", flat=True)) == [other.owner_id]
    assert quantities_of(other.cart()) == {sku.id: 1}
    verify_all()


@EVERY_WAY
def test_orders_of_a_deleted_user_keep_their_figures_by_nobody(delete: Delete) -> None:
    sku, user = SkuFactory.create(stock=9, purchase_limit=5), new_user()
    user.add(sku, 2)
    order = user.data("POST", "/orders", BODY, Idempotency_Key="one")

    delete(user)

    kept = Order.objects.get()
    assert (kept.number, kept.total_amount, kept.item_count) == (
        order["orderNumber"], 2 * sku.price, 2,
    )  # fmt: skip
    assert (kept.user_id, kept.contact, kept.shipping_address, kept.note) == (None, None, None, "")
    assert kept.buyer.startswith("guest:erased-")
    assert kept.marks == []
    assert list(OrderEvent.objects.values_list("actor", flat=True)) == ["guest"]
    assert not Reply.objects.exists()
    assert not PendingSettlement.objects.exists()
    assert user.owner_id not in str(list(PurchaseTally.objects.values("buyer")))


def test_an_erased_users_order_gives_its_units_back_when_it_is_cancelled() -> None:
    sku, user = SkuFactory.create(stock=9, purchase_limit=5), new_user()
    user.add(sku, 2)
    order = place_order(user)
    erase_user(account_of(user))

    cancel_order(order_id=order["id"], actor="system", now=Order.objects.get().expires_at)

    assert read_stock(sku) == [9]
    assert set(read_tallies().values()) <= {0}


@EVERY_WAY
def test_the_log_of_a_deleted_user_stays_by_nobody(delete: Delete) -> None:
    sku, user, guest = SkuFactory.create(), new_user(), new_guest()
    guest.add(sku)
    user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
    drain_streams()
    logged = CartChange.objects.count()
    user.add(sku)

    delete(user)
    drain_streams()

    assert CartChange.objects.count() == logged + 1
    added = CartChange.objects.filter(action="add").order_by("pk")
    assert [change.owner_id for change in added][-1] == "erased"
    assert user.owner_id not in str(list(CartChange.objects.values()))


@EVERY_WAY
def test_tokens_and_entries_of_the_staffs_log_go_as_well(delete: Delete) -> None:
    user = new_user(is_staff=True, username="lin")
    account, superuser = account_of(user), sign_in_superuser()
    expires_at = timezone.now() + timedelta(days=1)
    RefreshFamily.objects.create(id="f", user=account, token_id="t", expires_at=expires_at)
    superuser.post(f"{USERS}{account.pk}/password/", {"usable_password": "false"})
    LogEntry.objects.log_actions(account.pk, [account], 2, single_object=True)

    delete(user)
    revoke_deactivated_users()

    assert user.call("GET", "/cart").status_code == 401
    assert not RefreshFamily.objects.exists()
    assert not LogEntry.objects.filter(user_id=account.pk).exists()
    assert "lin" not in LogEntry.objects.values_list("object_repr", flat=True)


def test_no_table_refers_to_users_that_the_triggers_do_not_know() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'accounts_user'::regclass"
        )
        tables = {table for (table,) in cursor.fetchall()}

    assert tables == {
        "accounts_user_groups",
        "accounts_user_user_permissions",
        "carts_cart",
        "django_admin_log",
        "orders_order",
    }


def test_a_cart_that_was_changed_while_its_user_went_is_erased_by_the_next_save(
    redis_server: Redis,
) -> None:
    sku, user = SkuFactory.create(), new_user()
    user.add(sku)
    cart = read_living(redis_server, user)
    erase_user(account_of(user))
    put_unsaved(redis_server, cart)

    result = save_all()

    assert (result.saved, result.vanished, result.set_aside) == (0, 1, 0)
    assert not redis_server.exists(cart_key(owner_of(user)))


def test_repair_erases_the_cart_of_a_user_that_is_gone(redis_server: Redis) -> None:
    sku, user = SkuFactory.create(), new_user()
    user.add(sku)
    save_all()
    delete_by_sql(user)
    with pytest.raises(CommandError, match="1 carts differ"):
        verify_all()

    call_command("sync_cart", all=True, repair=True, stdout=StringIO())

    verify_all()
    assert not redis_server.exists(cart_key(owner_of(user)))


def test_a_hash_that_nobody_can_read_goes_with_its_user(redis_server: Redis) -> None:
    user = new_user()
    redis_server.set(cart_key(owner_of(user)), "no cart")
    delete_by_sql(user)

    assert sum(sweep_carts(), SweepResult()) == SweepResult(erased=1)


def test_where_redis_is_away_the_user_goes_and_the_sweep_takes_the_cart(
    redis_server: Redis,
) -> None:
    user = new_user()
    user.add(SkuFactory.create())

    with without_redis("carts"):
        erase_user(account_of(user))

    assert not User.objects.filter(pk=user.owner_id).exists()
    assert sum(sweep_carts(), SweepResult()) == SweepResult(erased=1)


def test_carts_whose_rows_vanish_alone_are_saved_again(redis_server: Redis) -> None:
    sku, guest, user = SkuFactory.create(), new_guest(), new_user()
    for shopper in (guest, user):
        shopper.add(sku)
    save_all()
    CartItem.objects.all().delete()
    Cart.objects.all().delete()

    call_command("sync_cart", all=True, repair=True, stdout=StringIO())

    verify_all()
    assert Cart.objects.count() == 2
    assert quantities_of(guest.cart()) == quantities_of(user.cart()) == {sku.id: 1}


def test_a_guest_whose_cart_was_on_its_way_to_a_user_that_is_gone_begins_anew(
    redis_server: Redis,
) -> None:
    sku, other = SkuFactory.create_batch(2)
    guest, user = new_guest(), new_user()
    guest.add(sku)
    store.begin_merge(owner_of(guest), Handover(user.owner_id, "sum"))
    delete_by_sql(user)

    guest.add(other)
    finished = finish_stalled_merges(begun_before=timezone.now() + timedelta(minutes=1))

    assert quantities_of(guest.cart()) == {other.id: 1}
    assert (finished, redis_server.zcard("cart:merging")) == (0, 0)
    save_all()
    verify_all()


@pytest.mark.parametrize("path", ["{id}/delete/", ""], ids=["one", "selected"])
def test_admin_says_what_is_erased_and_what_stays(path: str) -> None:
    sku, user = SkuFactory.create(), new_user()
    user.add(sku)
    place_order(user, BODY)
    fields = {"action": "delete_selected", "_selected_action": user.owner_id}

    admin = sign_in_superuser()
    url = USERS + path.format(id=user.owner_id)
    text = (admin.get(url) if path else admin.post(url, fields)).content.decode()

    assert "1 orders keep their figures" in text
    assert "Erased for ever: the account" in text
    assert User.objects.filter(pk=user.owner_id).exists()


def test_staff_who_may_not_change_somebody_may_not_erase_them_either() -> None:
    clerk = sign_in("accounts.view_user", "accounts.delete_user")
    boss: Any = new_user(is_staff=True, is_superuser=True)

    fields = {"action": "delete_selected", "_selected_action": boss.owner_id, "post": "yes"}
    answers = [
        clerk.post(f"{USERS}{boss.owner_id}/delete/", {"post": "yes"}),
        clerk.post(USERS, fields),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert User.objects.filter(pk=boss.owner_id).exists()


def test_the_command_says_what_it_would_erase_and_waits_for_yes() -> None:
    user, told = new_user(), StringIO()

    call_command("erase_user", user.owner_id, stdout=told)

    assert told.getvalue().endswith("add --yes.\n")
    assert User.objects.filter(pk=user.owner_id).exists()


def test_the_command_refuses_a_name_that_nobody_has() -> None:
    with pytest.raises(CommandError, match="no user of this id or name"):
        call_command("erase_user", "nobody", yes=True)
