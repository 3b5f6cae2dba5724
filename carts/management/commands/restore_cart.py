"""Bring one cart back from the database, where Redis has none."""

from argparse import Namespace

from django.core.management import CommandParser

from carts.live.care import look_at
from carts.management.command import CartCommand, Report, add_owner_arguments, read_owner
from carts.permanent.restoring import restore_cart


class Command(CartCommand):
    help = "Bring a cart back from the database, as the next look at it would. A living cart stays."
    examples = """\
  manage.py restore_cart --user USER_ID
  manage.py restore_cart --guest GUEST_ID --json"""

    def add_options(self, parser: CommandParser) -> None:
        add_owner_arguments(parser)

    def report(self, options: Namespace) -> Report:
        owner = read_owner(options)
        if look_at(owner) is not None:
            return Report({"outcome": "living"}, ["The cart lives in Redis; it stays as it is."])
        cart = restore_cart(owner)
        if not cart.exists:
            failure = "The database has no active cart of this owner."
            return Report({"outcome": "nothing"}, [], failure=failure)
        return Report(
            {
                "outcome": "restored",
                "cart": cart.id,
                "version": cart.version,
                "lines": len(cart.lines),
            },
            [f"Cart {cart.id} is back with {len(cart.lines)} lines, version {cart.version}."],
        )
