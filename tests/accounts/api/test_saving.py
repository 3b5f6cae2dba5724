"""Login and logout save the cart of whoever comes or goes."""

import pytest

from accounts.models import User
from carts.domain.cart import Addition, CartOwner
from carts.live.store import ChangeContext
from carts.models import CartItem
from carts.operations.lines import add_lines
from products.models import Sku
from tests.accounts.calls import log_in, post, sign_in
from tests.accounts.factories import UserFactory
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def fill_cart(user: User) -> Sku:
    """Put two units into the user's live cart, which is not saved by that."""
    sku = SkuFactory.create()
    additions = [Addition(sku.product_id, 2, sku.pk)]
    context = ChangeContext(source="test")
    add_lines(owner=CartOwner.for_user(user.pk), additions=additions, context=context)
    assert saved_lines(user) == []
    return sku


def saved_lines(user: User) -> list[tuple[str, int]]:
    lines = CartItem.objects.filter(cart__user=user)
    return list(lines.values_list("sku_id", "quantity"))


def test_login_saves_the_cart() -> None:
    user = UserFactory.create()
    sku = fill_cart(user)

    response = log_in(user)

    assert response.status_code == 200
    assert saved_lines(user) == [(sku.pk, 2)]


def test_logout_saves_the_cart() -> None:
    user = UserFactory.create()
    sku = fill_cart(user)

    response = post("/api/auth/logout", {"refresh": sign_in(user).refresh})

    assert response.status_code == 200
    assert saved_lines(user) == [(sku.pk, 2)]
