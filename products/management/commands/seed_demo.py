"""Load the demo shop."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management import (
    BaseCommand,
    CommandError,
    CommandParser,
    call_command,
    get_commands,
)
from django.db import IntegrityError

from products.demo.seeding import add_missing_rows, reset_rows

EXAMPLES = """\
examples:
  manage.py seed_demo            add what is missing; what you changed stays as you left it
  manage.py seed_demo --reset    turn the demo products back to their first prices and stock

The same rows have the same ids everywhere. Rows of your own are never touched.
"""

# Loads what needs more than a catalogue; called if an app above has this command.
USERS_COMMAND = "seed_demo_users"


class Command(BaseCommand):
    help = "Load the demo shop: four merchants and their products, then users and their carts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument(
            "--reset",
            action="store_true",
            help="also turn existing demo rows back to what they were at first",
        )

    def handle(self, *args: Any, reset: bool, **options: Any) -> None:
        try:
            tables = reset_rows() if reset else add_missing_rows()
        except IntegrityError as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"a SKU of your own is in the way: {reason}") from error
        for seeded in tables:
            kept = "reset" if reset else "already there"
            self.stdout.write(
                f"{seeded.table}: {seeded.added} added, {seeded.total - seeded.added} {kept}"
            )
        if USERS_COMMAND in get_commands():
            call_command(USERS_COMMAND, stdout=self.stdout)
        self.stdout.write(self.style.SUCCESS("The demo shop is ready."))
