"""End, put to rest and delete carts that nobody has touched for long."""

from argparse import Namespace

from django.core.management import CommandParser

from carts.management.command import CartCommand, Report, name_figures, show_progress
from carts.permanent.sweep import SweepResult, count_idle, sweep_carts


class Command(CartCommand):
    help = (
        "End guests' carts past their expiry, take users' idle carts out of Redis once they are"
        " saved, delete carts that ended long ago (CART_RETENTION_DAYS), and erase living carts of"
        " users that are gone. Runs by itself, too."
    )
    examples = """\
  manage.py expire_carts
  manage.py expire_carts --dry-run --json"""

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def report(self, options: Namespace) -> Report:
        expected = count_idle()
        swept = expected if options.dry_run else _sweep(options, expected)
        return Report(
            name_figures(swept),
            [
                f"{swept.expired} guests' carts ended, {swept.retired} users' carts put to rest, "
                f"{swept.purged} old carts deleted, {swept.erased} of users that are gone erased, "
                f"{swept.kept} kept for what is unsaved in them."
                if not options.dry_run
                else f"To do: end {swept.expired} guests' carts, put {swept.retired} users' carts "
                f"to rest, delete {swept.purged} old carts."
            ],
            failure=f"{swept.failed} carts cannot be changed." if swept.failed else None,
        )


def _sweep(options: Namespace, expected: SweepResult) -> SweepResult:
    total = SweepResult()
    todo = expected.expired + expected.retired + expected.purged
    with show_progress(options, total=todo, unit="carts") as progress:
        for result in sweep_carts():
            total += result
            progress.update(result.expired + result.retired + result.purged)
    return total
