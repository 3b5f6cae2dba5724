"""Users who are erased in the midst of shopping: nothing of them stays, and nothing breaks."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from redis import Redis

from accounts.models import User
from accounts.people import erase_user
from carts.models import Cart
from carts.permanent.sweep import sweep_carts
from config.stores.database import in_transaction
from orders.models import Order
from products.models import Sku
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import Shopper, addition_of, new_user
from tests.factories import SkuFactory
from tests.products.rows import read_stock
from tests.products.threads import run_together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_no_limits"),
]

USERS = 6
STOCK = 10_000


def erase_by_operation(user: Shopper) -> None:
    erase_user(User.objects.get(pk=user.owner_id))


@in_transaction
def erase_by_sql(user: Shopper) -> None:
    """Delete the row, again where the database chose that as a deadlock's victim."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user WHERE id = %s", [user.owner_id])


def shop(user: Shopper, sku: Sku) -> list[int]:
    """Add and order again and again; return the statuses of all answers."""
    return [
        user.call("POST", path, body).status_code
        for _ in range(12)
        for path, body in (("/cart", addition_of(sku, 2)), ("/orders", {}))
    ]


@pytest.mark.parametrize("erase", [erase_by_operation, erase_by_sql])
def test_users_erased_while_they_shop_leave_nothing_behind(
    erase: Callable[[Shopper], None], redis_server: Redis
) -> None:
    sku, users = SkuFactory.create(stock=STOCK), [new_user() for _ in range(USERS)]
    for user in users:
        user.add(sku, 1)

    def act(number: int) -> list[int]:
        user = users[number // 2]
        if number % 2 == 0:
            return shop(user, sku)
        erase(user)
        return []

    outcomes = run_together(act, range(2 * USERS), threads=2 * USERS)
    save_all()
    list(sweep_carts())

    statuses = [status for outcome in outcomes[::2] for status in outcome]  # type: ignore[union-attr]
    assert [status for status in statuses if status >= 500] == []
    assert outcomes[1::2] == [[]] * USERS
    assert User.objects.count() == Cart.objects.count() == 0
    assert Order.objects.exclude(user=None).count() == 0
    [left] = read_stock(sku)
    assert left + sum(Order.objects.values_list("item_count", flat=True)) == STOCK
    assert redis_server.keys("cart:user:*") == []
    call_command("sync_cart", all=True, verify=True, stdout=StringIO())
