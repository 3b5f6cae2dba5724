"""Make, list and revoke service keys."""

from argparse import RawDescriptionHelpFormatter
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.errors import ServiceKeyExists
from accounts.keys import MAX_DAYS, add_key, revoke_key
from accounts.models import ServiceKey
from accounts.scopes import Scope
from config.notation import format_time

_EXAMPLES = """\
examples:
  manage.py service_key add erp --scopes catalogue:write,stock:write
  manage.py service_key add search --scopes catalogue:read --days 365
  manage.py service_key list
  manage.py service_key revoke erp

exit codes: 0 done, 1 not done, 2 wrong usage"""


class Command(BaseCommand):
    help = (
        "Make, list and revoke the keys by which programs of the shop call the API. A key is"
        " printed once, alone on standard output, and cannot be read again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = _EXAMPLES
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add = actions.add_parser("add", help="make a key, and print it")
        add.add_argument("name", metavar="NAME", help="what uses it; a name is given once")
        add.add_argument(
            "--scopes",
            required=True,
            metavar="A,B",
            type=_read_scopes,
            help=f"what it may do: {', '.join(Scope.values)}",
        )
        add.add_argument(
            "--days",
            type=int,
            choices=range(1, MAX_DAYS + 1),
            metavar="N",
            help=f"how long it works, 1 to {MAX_DAYS} (for ever)",
        )
        actions.add_parser("list", help="show all keys, but not what they are")
        revoke = actions.add_parser("revoke", help="end a key, at once and for good")
        revoke.add_argument("name", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            if options["action"] == "add":
                self._add(options, now)
            elif options["action"] == "list":
                self._list(now)
            else:
                self._revoke(options["name"], now)
        except (OperationalError, InterfaceError) as error:
            raise CommandError("The database is temporarily unavailable.") from error

    def _add(self, options: dict[str, Any], now: datetime) -> None:
        name, days = options["name"], options["days"]
        try:
            ServiceKey._meta.get_field("name").clean(name, None)
            key = add_key(
                name=name,
                scopes=options["scopes"],
                expires_at=None if days is None else now + timedelta(days=days),
                now=now,
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except ServiceKeyExists as error:
            raise CommandError(f"There is, or has been, a service key {name}.") from error
        self.stderr.write(f"Service key {key.name}, shown this once:")
        self.stdout.write(key.secret)

    def _list(self, now: datetime) -> None:
        for key in ServiceKey.objects.order_by("name"):
            last_used = _show(key.last_used_at, "never")
            self.stdout.write(
                f"{key.name}  {key.prefix}…  {_describe(key, now)}  last used {last_used}"
                f"  {','.join(key.scopes)}"
            )

    def _revoke(self, name: str, now: datetime) -> None:
        key = ServiceKey.objects.filter(name=name).first()
        if key is None:
            raise CommandError("There is no service key of this name.")
        if revoke_key(key, now):
            self.stdout.write(f"Service key {name} is revoked.")
        else:
            self.stdout.write(f"Service key {name} was revoked before.")


def _read_scopes(text: str) -> set[Scope]:
    # A ValueError of `Scope` names the scope that is not known, and argparse the argument.
    return {Scope(name.strip()) for name in text.split(",")}


def _describe(key: ServiceKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {format_time(key.revoked_at)}"
    return f"{'expires' if key.is_living(now) else 'expired'} {_show(key.expires_at, 'never')}"


def _show(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else format_time(moment)
