"""Tables in text files, as spreadsheets and shop programs write them, row by row."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from products.exchange.entries import EntryError, Faulty

_BLOCK = 1 << 20
# A longer field is the sign of a quote that never ends.
_MAX_FIELD = 1 << 20
_ENCODINGS = ("utf-8", "gb18030")
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by its column's name in lower case; `line` is its first one in the file."""

    line: int
    cells: Mapping[str, str]

    def get(self, *names: str) -> str:
        """Return the first of these columns that there is, without spaces around it, or ""."""
        for name in names:
            if name in self.cells:
                return self.cells[name].strip()
        return ""

    def require(self, *names: str) -> str:
        """Return a cell that must not be empty. Raises EntryError."""
        cell = self.get(*names)
        if not cell:
            raise EntryError(f"{names[0]} is empty")
        return cell


def find_encoding(path: Path) -> str:
    """Tell how a file's text is written: UTF-8, UTF-16 with a mark, or GBK.

    Reads the whole file, a block at a time. Raises EntryError for anything else.
    """
    with path.open("rb") as file:
        head = file.read(4)
    marked = [encoding for mark, encoding in _BOMS.items() if head.startswith(mark)]
    for encoding in marked or _ENCODINGS:
        if _is_written_in(path, encoding):
            return encoding
    raise EntryError("the file's text is neither UTF-8 nor GBK")


def read_header(path: Path) -> list[str]:
    """Return the names of a table's columns, in lower case."""
    with path.open(encoding=find_encoding(path), newline="") as file:
        line = file.readline(_MAX_FIELD)
    return _name_columns(next(csv.reader([line], delimiter=_find_delimiter(line)), []))


def read_rows(path: Path) -> Iterator[Row | Faulty]:
    """Yield a table's rows; the first line names the columns. Empty rows are left out."""
    csv.field_size_limit(_MAX_FIELD)
    with path.open(encoding=find_encoding(path), newline="") as file:
        line = file.readline(_MAX_FIELD)
        file.seek(0)
        reader = csv.reader(file, delimiter=_find_delimiter(line), strict=True)
        names = _name_columns(next(reader, []))
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise EntryError(f"the column {twice!r} comes twice")
        while True:
            line_number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Faulty(line_number, f"the row cannot be read: {error}")
                continue
            if any(cells):
                yield _make_row(line_number, names, cells)


def _make_row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row | Faulty:
    if len(cells) < len(names) or any(cells[len(names) :]):
        return Faulty(line, f"the row has {len(cells)} cells for {len(names)} columns")
    return Row(line, dict(zip(names, cells, strict=False)))


def _name_columns(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _find_delimiter(header: str) -> str:
    """Tell what is between the names of the columns: a comma, a semicolon or a tab."""
    return max(",;\t", key=header.count)


def _is_written_in(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
