"""The rows of an Excel workbook (.xlsx). Pure.

A workbook is a zip file of XML, which can be made to need any amount of memory or time: how large
it says to be is asked first (more than that is never unpacked), and what a row or a cell says of
its place is not believed. defusedxml, where it is installed, keeps openpyxl from XML's own bombs.
"""

import zipfile
from collections.abc import Iterator, MutableSequence
from datetime import date, datetime
from itertools import islice
from typing import Any, BinaryIO

import openpyxl

from contacts.imports.tables import LONGEST_ROW, MOST_COLUMNS, BadFile, Cells, too_long
from tenants.bricks.csv_cells import original

LARGEST = 400 * 1024**2  # bytes, unpacked
LARGEST_HELD = 64 * 1024**2  # of them, what is read whole, as are the texts
LARGEST_STYLES = 2 * 1024**2  # which need fifty times as much memory
MOST_ROWS = 2**20  # that a sheet of Excel's can have, empty ones among them; here all sheets
LOOKED_AT = 50  # rows of a sheet that is not read, to see whether it has any
NO_WORKBOOK = "This is a zip file, not an Excel workbook."
BROKEN = "This workbook cannot be read. Open it in a spreadsheet and save it again."


def rows(file: BinaryIO, notes: MutableSequence[str]) -> Iterator[Cells]:
    """Those of the first visible sheet that has any; others that have some are named in `notes`.
    Raises `BadFile`.
    """
    _refuse_bombs(file)
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        read = ""
        for title, number, values in _filled(book):
            read = read or title
            if title == read:
                yield _cells(number, values)
            elif title not in notes:
                notes.append(title)
    except BadFile:
        raise
    except Exception as error:  # whatever the parsers make of what is no workbook
        raise BadFile(BROKEN) from error


def _filled(book: Any) -> Iterator[tuple[str, int, tuple[Any, ...]]]:
    """(sheet, number, values) of the rows that have any; of the later sheets the first ones."""
    count = found = 0
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # what it says of itself
        is_later = bool(found)
        rows = sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        for number, values in enumerate(islice(rows, LOOKED_AT if is_later else None), start=1):
            count += 1
            if count > MOST_ROWS:
                raise BadFile(BROKEN)
            if any(value is not None for value in values):
                found += 1
                yield sheet.title, number, values


def _cells(number: int, values: tuple[Any, ...]) -> Cells:
    # One text can stand in all of them, and take no room before it is written out.
    if sum(len(value) for value in values if isinstance(value, str)) > LONGEST_ROW:
        return too_long(number, next(value for value in values if isinstance(value, str)))
    texts = [original(_text(value)) for value in values]
    return Cells(number, texts[: _last(texts)])


def _refuse_bombs(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except zipfile.BadZipFile:
        raise BadFile(BROKEN) from None
    if "xl/workbook.xml" not in sizes:
        raise BadFile(NO_WORKBOOK)
    held = sum(size for name, size in sizes.items() if not name.startswith("xl/worksheets/"))
    styles = sizes.get("xl/styles.xml", 0)
    if sum(sizes.values()) > LARGEST or held > LARGEST_HELD or styles > LARGEST_STYLES:
        raise BadFile("This workbook is too large once it is unpacked. Save it as CSV.")


def _last(texts: list[str]) -> int:
    return max((place for place, text in enumerate(texts, start=1) if text), default=0)


def _text(value: Any) -> str:
    """As a person reads the cell; a number of any length with all of its digits."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
