"""A table of text whose cells are separated by commas, semicolons or tabs, whatever suits its first
line, or by what a line `sep=` before it says. Pure.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from contacts.imports.columns import columns
from tenants.bricks.csv_cells import original

MOST_COLUMNS = 500
LONGEST_HEADER = 50_000  # characters
LONGEST_ROW = 100_000
KEPT_OF_LONG = 1000
_SEPARATORS = ",;\t|"
_SEP_LINE = re.compile(r"sep=([,;\t|:^~])\s*", re.IGNORECASE)


class BadFile(Exception):
    """The file as a whole cannot be read; the message says why."""


class Cells(NamedTuple):
    """A row as it stands in the file: `line` is where it begins, `broken` why it has no cells: then
    its only one is all that stands there.
    """

    line: int
    texts: list[str]
    broken: str = ""


def too_long(line: int, text: str) -> Cells:
    why = f"It is longer than {LONGEST_ROW:,} characters. Here are its first {KEPT_OF_LONG:,}."
    return Cells(line, [text[:KEPT_OF_LONG]], why)


def table(lines: Iterable[str]) -> Iterator[Cells]:
    """The rows of text with separators; raises `BadFile` when the first one cannot be read."""
    source = iter(lines)
    first = next(source, "").removeprefix("\ufeff")
    separator, lines_before = "", 0
    if match := _SEP_LINE.fullmatch(first):
        separator, lines_before, first = match[1], 1, next(source, "")
    if len(first) > LONGEST_HEADER or first.count(",") > MOST_COLUMNS:
        raise BadFile(f"The first line is too long: at most {MOST_COLUMNS} columns are read.")
    read: list[str] = []
    reader = csv.reader(
        _remembering(chain([first], source), read),
        delimiter=separator or _separator_of(first),
        strict=True,
    )
    is_first = True
    while True:
        line = reader.line_num + 1 + lines_before
        read.clear()
        try:
            yield Cells(line, list(map(original, next(reader))))
        except StopIteration:
            return
        except csv.Error as error:
            if is_first:
                raise BadFile(f"The first line cannot be read ({error}).") from None
            why = f"The row cannot be read ({error}). Are its quotes in pairs?"
            yield Cells(line, ["".join(read).strip()], why)
        is_first = False


def _remembering(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def _separator_of(header: str) -> str:
    """The one that makes most sense of the header: by known columns, then by how many there are."""

    def sense(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator), [])
        return sum(bool(column.means) for column in columns(names)), len(names)

    return max(_SEPARATORS, key=sense)
