"""Add the demo shop's customers, with and without carts, and staff for each role."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from accounts.roles import ROLES
from carts.domain.cart import Addition, CartOwner
from carts.operations import ChangeContext, add_lines
from products.demo.catalogue import derive_id

PASSWORD = "cartwright-demo"  # noqa: S105 - told to everybody

# Each customer's cart: product, SKU code and units.
CUSTOMERS: dict[str, list[tuple[str, str, int]]] = {
    "demo": [("th-100", "TH-100-WHT", 2), ("gan-65", "GAN-65-BLK", 1), ("mug-stone", "MUG-INK", 4)],
    "alice": [("towel-cloud", "TWL-GRY", 2), ("candle-osm", "CDL-OSM", 1)],
    "bob": [],
}
STAFF = "admin"


class Command(BaseCommand):
    help = "Add the demo customers and the demo staff; existing ones stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("the demo users' password is public: not in production")
        customers = [name for name in CUSTOMERS if _add_user(name)]
        for name in customers:
            _fill_cart(name)
        roles = [name for name in ROLES if _add_user(name, is_staff=True)]
        for name in roles:
            _give_role(name)
        added = len(customers) + len(roles)
        added += _add_user(STAFF, is_staff=True, is_superuser=True)
        everybody = [*CUSTOMERS, *ROLES, STAFF]
        self.stdout.write(f"users: {added} added, {len(everybody) - added} already there")
        self.stdout.write(f"log in as {', '.join(everybody)} with the password {PASSWORD}")


def _add_user(name: str, **rights: bool) -> bool:
    """Add the user unless the name is taken; tell whether it was free."""
    with transaction.atomic():
        if User.objects.with_username(name).exists():
            return False
        User.objects.create_user(
            id=derive_id("user", name),
            username=name,
            email=f"{name}@example.com",
            password=PASSWORD,
            **rights,
        )
    return True


def _give_role(name: str) -> None:
    """Put the user into the group of the same name, if the operators still have it."""
    group = Group.objects.filter(name=name).first()
    if group is not None:
        User.objects.get(pk=derive_id("user", name)).groups.add(group)


def _fill_cart(name: str) -> None:
    additions = [
        Addition(product_id=derive_id("product", slug), sku_id=derive_id("sku", code), units=units)
        for slug, code, units in CUSTOMERS[name]
    ]
    if additions:
        add_lines(
            owner=CartOwner.for_user(derive_id("user", name)),
            additions=additions,
            context=ChangeContext(source="command", actor="seed_demo"),
        )
