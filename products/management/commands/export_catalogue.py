"""Export the catalogue to a file."""

import sys
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from tqdm import tqdm

from products.exchange.cartwright import write_cartwright
from products.exchange.entries import ProductEntry
from products.exchange.jsonl import write_jsonl
from products.exporting import count_attributes, list_entries
from products.models import Product

EXAMPLES = """\
examples:
  manage.py export_catalogue goods.csv                        for a spreadsheet
  manage.py export_catalogue goods.jsonl --merchant Nordlicht
  manage.py export_catalogue - --format jsonl | gzip > goods.jsonl.gz

import_catalogue reads both again, and changes nothing then.
"""


class Command(BaseCommand):
    help = "Export all products that are not deleted, with their SKUs, as CSV or JSON Lines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        parser.add_argument("file", help='where to write; "-" is the standard output')
        parser.add_argument(
            "--format",
            choices=("cartwright", "jsonl"),
            help="default: JSON Lines for a file named *.jsonl, else a table",
        )
        parser.add_argument("--merchant", metavar="NAME", help="this merchant's products alone")

    def handle(self, *args: Any, file: str, merchant: str | None, **options: Any) -> None:
        products = Product.objects.filter(is_deleted=False)
        if merchant is not None:
            products = products.filter(merchant__name=merchant)
            if not products.exists():
                raise CommandError(f"no merchant {merchant!r} has products")
        is_jsonl = (options["format"] or "") == "jsonl" or (
            options["format"] is None and file.endswith(".jsonl")
        )
        if file == "-":
            self._write(products, sys.stdout, is_jsonl=is_jsonl)
            return
        # The mark makes spreadsheets read it as UTF-8.
        encoding = "utf-8" if is_jsonl else "utf-8-sig"
        try:
            with Path(file).open("w", encoding=encoding, newline="") as output:
                count = self._write(products, output, is_jsonl=is_jsonl)
        except OSError as error:
            raise CommandError(f"{file}: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"{count} products are in {file}."))

    def _write(self, products: QuerySet[Product], output: TextIO, *, is_jsonl: bool) -> int:
        with tqdm(
            total=products.count(), unit=" products", disable=not sys.stderr.isatty()
        ) as progress:
            written = Counter[str]()
            entries = _follow(list_entries(products), progress, written)
            if is_jsonl:
                write_jsonl(entries, output)
            else:
                write_cartwright(entries, output, attributes=count_attributes())
            return written["products"]


def _follow(
    entries: Iterator[ProductEntry], progress: "tqdm[Any]", written: Counter[str]
) -> Iterator[ProductEntry]:
    for entry in entries:
        progress.update()
        written["products"] += 1
        yield entry
