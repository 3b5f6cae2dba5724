"""What the commands on carts have in common: naming an owner, printing, progress, exit codes."""

import sys
from abc import abstractmethod
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from tqdm import tqdm

from carts.domain.cart import CartOwner, is_id, parse_guest_id
from carts.domain.errors import CartStoreUnavailable, InvalidGuestId
from carts.permanent.inspecting import has_cart
from carts.permanent.rows import find_missing_users
from config.notation import camel_case

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has to say: as data for --json, and as text.

    `failure` is one sentence if something is wrong; then the exit code is 1, else 0. A command that
    was called in a wrong way exits with 2.
    """

    data: dict[str, Any]
    lines: Sequence[str]
    failure: str | None = None


class CartCommand(BaseCommand):
    """A command that reports as text or JSON, with examples in its --help."""

    examples: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            f"examples:\n{self.examples}\n\n"
            "exit codes: 0 all is well, 1 something is wrong or failed, 2 wrong usage"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, and no progress")
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    @abstractmethod
    def report(self, options: Namespace) -> Report:
        """Do the work, and say what came of it."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self.report(Namespace(**options))
        except CartStoreUnavailable as error:
            raise CommandError(f"{error}.") from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError("The database is temporarily unavailable.") from error
        if options["json"]:
            self.stdout.write(orjson.dumps(report.data, option=orjson.OPT_INDENT_2).decode())
        else:
            for line in report.lines:
                self.stdout.write(line)
        if report.failure is not None:
            raise CommandError(report.failure)


def add_owner_arguments(parser: CommandParser, *, required: bool = True) -> Any:
    """Add --user and --guest, of which only one may be given; return their group."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--user", type=_read_user, metavar="ID", help="the cart of this user")
    group.add_argument("--guest", type=_read_guest, metavar="ID", help="the cart of this guest")
    return group


def read_owner(options: Namespace) -> CartOwner:
    """Return the owner that was named; raises CommandError for one without account and cart."""
    owner: CartOwner = options.user or options.guest
    if not owner.is_guest and find_missing_users([owner.id]) and not has_cart(owner):
        raise CommandError("There is no such user.")
    return owner


def show_progress(options: Namespace, *, total: int | None, unit: str) -> "tqdm[Any]":
    """Return a progress bar on stderr; it is hidden if that is no terminal, and with --json."""
    return tqdm(
        total=total, unit=f" {unit}", file=sys.stderr, disable=True if options.json else None
    )


def name_figures(figures: "DataclassInstance") -> dict[str, Any]:
    """Return the fields of a dataclass by the names that JSON has everywhere else."""
    return {camel_case(name): value for name, value in asdict(figures).items()}


def _read_user(text: str) -> CartOwner:
    if not is_id(text):
        raise ArgumentTypeError("not the id of a user")
    return CartOwner.for_user(text)


def _read_guest(text: str) -> CartOwner:
    try:
        return CartOwner.for_guest(parse_guest_id(text))
    except InvalidGuestId as error:
        raise ArgumentTypeError("not a guest id") from error
