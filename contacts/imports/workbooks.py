"""The rows of an Excel workbook (.xlsx). Pure.

A workbook is a zip file of XML, which can be made to need any amount of memory or time: how large
it says to be is asked first (more than that is never unpacked), and what a row or a cell says of
its place is not believed. defusedxml, where it is installed, keeps openpyxl from XML's own bombs.
"""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, BinaryIO

import openpyxl

from contacts.imports.tables import MOST_COLUMNS, BadFile, Cells
from tenants.bricks.csv_cells import original

LARGEST = 400 * 1024**2  # bytes, unpacked
LARGEST_TEXTS = 64 * 1024**2  # of them, those texts that are held in memory
MOST_ROWS = 2**20  # that Excel itself can have, empty ones among them
NO_WORKBOOK = "This is a zip file, but no Excel workbook."
BROKEN = "This workbook cannot be read. Open it in a spreadsheet and save it again."


def rows(file: BinaryIO) -> Iterator[Cells]:
    """Those of the first visible sheet that has any. Raises `BadFile`."""
    _refuse_bombs(file)
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            is_empty = True
            if sheet.sheet_state != "visible":
                continue
            sheet.reset_dimensions()  # what it says of itself
            for number, values in enumerate(
                sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1
            ):
                if number > MOST_ROWS:
                    raise BadFile(BROKEN)
                if any(value is not None for value in values):
                    is_empty = False
                    texts = [original(_text(value)) for value in values]
                    yield Cells(number, texts[: _last(texts)])
            if not is_empty:
                return
    except BadFile:
        raise
    except Exception as error:  # whatever the parsers make of what is no workbook
        raise BadFile(BROKEN) from error


def _refuse_bombs(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except zipfile.BadZipFile:
        raise BadFile(BROKEN) from None
    if "xl/workbook.xml" not in sizes:
        raise BadFile(NO_WORKBOOK)
    if sum(sizes.values()) > LARGEST or sizes.get("xl/sharedStrings.xml", 0) > LARGEST_TEXTS:
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
