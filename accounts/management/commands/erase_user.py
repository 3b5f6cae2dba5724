"""Erase a user."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from accounts.models import User
from accounts.people import Traces, erase_user, find_traces


class Command(BaseCommand):
    help = (
        "Erase a user: account, tokens, carts, and the contacts and addresses in orders. The"
        " figures of orders stay, and the log of changes, by nobody. Without --yes, say what would"
        " be erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user's id, or else the username")
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = _find_user(options["user"])
            traces = find_traces(user)
            if options["yes"]:
                erase_user(user)
        except (OperationalError, InterfaceError) as error:
            raise CommandError("The database is temporarily unavailable.") from error
        if options["yes"]:
            self.stdout.write(f"User {user.pk} is erased: {_describe(traces)}.")
        else:
            self.stdout.write(f"To erase user {user.pk} ({_describe(traces)}), add --yes.")


def _find_user(name: str) -> User:
    user = User.objects.filter(pk=name).first() or User.objects.with_username(name).first()
    if user is None:
        raise CommandError("There is no user of this id or name.")
    return user


def _describe(traces: Traces) -> str:
    return (
        f"carts: {traces.carts}, orders that become nobody's: {traces.orders},"
        f" changes in the log that do: {traces.changes}"
    )
