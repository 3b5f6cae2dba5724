"""Import a shop's catalogue from a file."""

import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from products.exchange.entries import EntryError, Faulty
from products.exchange.formats import FORMATS
from products.importing import ImportResult, Job, run_import
from products.intake import Outcome

EXAMPLES = """\
examples:
  manage.py import_catalogue products_export.csv --dry-run      see what would change
  manage.py import_catalogue products_export.csv --merchant "Nordlicht"
  manage.py import_catalogue feed.xml --format google
  manage.py import_catalogue goods.jsonl --deactivate-missing   the file is the whole catalogue

Products are known by the ids of the file (Shopify's handle, WooCommerce's and Google's id, or
external_id), SKUs by their codes; where a file has no code, one is made of the shop's own ids. What
is there already is changed where the file says otherwise. Importing the same file again changes
nothing, also after an interruption.

Without --merchant, goods belong to whom the file names: Shopify's vendor, Google's brand.

exit codes: 0 all rows were taken, 1 some were not (each is told with its line), 2 wrong usage
"""
_NAMES = {
    Outcome.CREATED: "created",
    Outcome.CHANGED: "changed",
    Outcome.UNCHANGED: "unchanged",
    Outcome.FAILED: "not taken",
}


class Command(BaseCommand):
    help = "Import products and SKUs from a file: CSV, JSON Lines, Shopify, WooCommerce, Google."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument("file", type=Path, help="the file, in UTF-8, UTF-16 or GBK")
        parser.add_argument(
            "--format", choices=("auto", *FORMATS), default="auto", help="default: told by content"
        )
        parser.add_argument("--dry-run", action="store_true", help="tell, and change nothing")
        parser.add_argument("--merchant", metavar="NAME", help="who sells all of it")
        parser.add_argument(
            "--deactivate-missing",
            action="store_true",
            help="make the merchants' SKUs inactive that the file does not have",
        )

    def handle(
        self,
        *args: Any,
        file: Path,
        format: str,  # noqa: A002
        dry_run: bool,
        merchant: str | None,
        deactivate_missing: bool,
        **options: Any,
    ) -> None:
        job = Job(
            path=file,
            format=format,
            actor="command",
            merchant=merchant,
            is_dry_run=dry_run,
            deactivates_missing=deactivate_missing,
        )
        result = ImportResult()
        try:
            with tqdm(unit=" products", disable=not sys.stderr.isatty()) as progress:
                for fault in run_import(job, result):
                    progress.update()
                    if fault is not None:
                        progress.write(_describe(fault), file=sys.stderr)
        except (OSError, EntryError) as error:
            raise CommandError(f"{file}: {error}") from error
        self._report(result, job)

    def _report(self, result: ImportResult, job: Job) -> None:
        counts = ", ".join(f"{result.products[each]} {name}" for each, name in _NAMES.items())
        would = " (dry run: nothing was changed)" if job.is_dry_run else ""
        self.stdout.write(f"products: {counts}; SKUs in the file: {result.skus}{would}")
        if result.faults:
            kept = "; none was made inactive for being missing" if job.deactivates_missing else ""
            raise CommandError(f"{result.faults} were not taken{kept}")
        if job.deactivates_missing:
            self.stdout.write(f"SKUs made inactive: {result.deactivated}")


def _describe(fault: Faulty) -> str:
    label = f" ({fault.label})" if fault.label else ""
    return f"line {fault.line}: {fault.reason}{label}"
