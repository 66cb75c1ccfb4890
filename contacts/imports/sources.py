"""A file of contacts as rows of cells, whatever program has written it. Pure.

It is text with separators (contacts/imports/tables.py), a workbook (…/workbooks.py) or a list of
vCards (…/cards.py); which, its bytes say.
"""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from contacts.imports.decoding import encoding_of
from contacts.imports.tables import LONGEST_ROW, MOST_COLUMNS, BadFile, Cells, table, too_long

MOST_ROWS = 1_000_000
LONGEST_LINE = 1_000_000  # characters
_CHUNK = 2**16
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_CARDS = re.compile(r"\s*BEGIN:VCARD\b", re.IGNORECASE)
_AS_TABLE = "In your spreadsheet choose “Save as” and “Excel workbook (.xlsx)” or “CSV UTF-8”."
_NO_TABLE = {
    b"\xd0\xcf\x11\xe0": f"This is an old or an encrypted Excel workbook. {_AS_TABLE}",
    b"%PDF": f"This is a PDF. {_AS_TABLE}",
    b"<": f"This is a web page or XML, not a table. {_AS_TABLE}",
}
NO_TEXT = f"This is neither a table nor a list of vCards. {_AS_TABLE}"


class Source:
    """Reads a file once, row by row, the empty ones left out.

    `names`, once all is read, are those of the columns when the format itself has them; else the
    first row may name them. `is_grid`: every row has as many cells as the `widest`. `unread` are
    the names of sheets that have rows, too. Iterating raises `BadFile`.
    """

    def __init__(self, file: BinaryIO, region: str) -> None:
        """`file` can be sought in; text that is not Unicode is of `region` (ISO)."""
        self.names: list[str] = []
        self.unread: list[str] = []
        self.is_grid = False
        self.widest = 0
        self._rows = self._open(file, region)

    def __iter__(self) -> Iterator[Cells]:
        count = 0
        for row in self._rows:
            if not row.broken and len(row.texts) > MOST_COLUMNS:
                raise BadFile(f"Line {row.line} has more than {MOST_COLUMNS} columns.")
            if any(map(str.strip, row.texts)):
                if sum(map(len, row.texts)) > LONGEST_ROW:
                    row = too_long(row.line, "".join(row.texts))
                row = row._replace(texts=[text.replace("\0", "\ufffd") for text in row.texts])
                self.widest = max(self.widest, len(row.texts))
                count += 1
                if count > MOST_ROWS + 1:
                    raise BadFile(f"This file has more than {MOST_ROWS:,} rows. Split it.")
                yield row

    def _open(self, file: BinaryIO, region: str) -> Iterator[Cells]:
        # The first brings a library that is slow to come.
        from contacts.imports import cards, workbooks

        beginning = file.read(_CHUNK)
        refuse_at_sight(beginning)
        if beginning.startswith(b"PK"):
            self.is_grid = True
            yield from workbooks.rows(file, self.unread)
            return
        file.seek(0)
        encoding = encoding_of(iter(lambda: file.read(_CHUNK), b""), region)
        file.seek(0)
        # A row in which something had to be replaced is refused.
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
        try:
            if _CARDS.match(text.read(_CHUNK).removeprefix("\ufeff")):
                text.seek(0)
                yield from cards.rows(_lines(text), self.names)
            else:
                text.seek(0)
                yield from table(_lines(text))
        finally:
            if not file.closed:
                text.detach()  # or it would close the file with itself


def refuse_at_sight(beginning: bytes) -> None:
    """Raises `BadFile` for what its first bytes say is no file of contacts."""
    if not beginning.strip():
        raise BadFile("This file is empty.")
    for mark, reason in _NO_TABLE.items():
        if beginning.startswith(mark):
            raise BadFile(reason)
    if beginning.startswith(b"PK"):
        return
    text = beginning.decode(encoding_of([beginning], ""), errors="replace")
    if _CONTROL.search(text.replace("\0", "", 3)):
        raise BadFile(NO_TEXT)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise BadFile("One of its lines is longer than a million characters.")
        yield line
