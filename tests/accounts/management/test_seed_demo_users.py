"""manage.py seed_demo: the part that brings customers and their carts."""

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from carts.domain.cart import CartOwner
from carts.operations.reading import get_cart
from products.demo.catalogue import derive_id

pytestmark = pytest.mark.django_db


def test_demo_customers_can_log_in_and_have_their_carts() -> None:
    call_command("seed_demo", verbosity=0)

    demo = User.objects.get(username="demo")
    cart = get_cart(owner=CartOwner.for_user(demo.pk)).cart
    assert demo.check_password("cartwright-demo")
    assert [(line.sku_id, line.quantity) for line in cart.lines] == [
        (derive_id("sku", "TH-100-WHT"), 2),
        (derive_id("sku", "GAN-65-BLK"), 1),
        (derive_id("sku", "MUG-INK"), 4),
    ]
    assert get_cart(owner=CartOwner.for_user(derive_id("user", "bob"))).cart.lines == ()


def test_a_second_run_adds_nothing_to_carts_or_users() -> None:
    call_command("seed_demo", verbosity=0)
    before = get_cart(owner=CartOwner.for_user(derive_id("user", "demo"))).cart

    call_command("seed_demo", verbosity=0)

    assert get_cart(owner=CartOwner.for_user(derive_id("user", "demo"))).cart == before
    assert User.objects.count() == 7


def test_each_role_has_a_member_of_staff() -> None:
    call_command("seed_demo", verbosity=0)

    staff = User.objects.filter(is_staff=True, is_superuser=False)
    roles = {user.username: [group.name for group in user.groups.all()] for user in staff}
    assert roles == {"viewer": ["viewer"], "support": ["support"], "operator": ["operator"]}


def test_production_gets_no_users_with_a_public_password(settings: Settings) -> None:
    settings.IS_PRODUCTION = True

    with pytest.raises(CommandError, match="password is public"):
        call_command("seed_demo_users")

    assert not User.objects.exists()
