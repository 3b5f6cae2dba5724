"""Add the demo shop's customers, with and without carts, and a member of staff."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from carts.domain.cart import Addition, CartOwner
from carts.reading import ChangeContext
from carts.services import add_lines
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
    help = "Add the demo customers and the demo administrator; existing ones stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("the demo users' password is public: not in production")
        customers = [name for name in CUSTOMERS if _add_user(name)]
        for name in customers:
            _fill_cart(name)
        staff = [STAFF] if _add_user(STAFF, is_staff=True, is_superuser=True) else []
        added = len(customers) + len(staff)
        known = len(CUSTOMERS) + 1 - added
        self.stdout.write(f"users: {added} added, {known} already there")
        self.stdout.write(
            f"log in as {', '.join([*CUSTOMERS, STAFF])} with the password {PASSWORD}"
        )


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
