"""Text as a cell of a CSV file that no spreadsheet runs. Pure.

A spreadsheet runs what begins like a formula, in a cell or, where it parts cells by semicolons or
tabs, inside one. An apostrophe before it makes it text. `neutral` adds one and `original` takes
one away, so that an export reads back as what it was; a telephone number in E.164 stays as it is.
"""

import csv
import io
import re
from collections.abc import Iterable

# A quote after a separator opens a cell that the doubled quote of CSV closes at once.
_BEGINS = r"(?:^|(?<=[;\t\r\n])|(?<=[;\t\r\n]\"))"
_FORMULA = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # the last four are the wide forms
_ADD = re.compile(rf"{_BEGINS}(?='*{_FORMULA})")
_TAKE = re.compile(rf"{_BEGINS}'(?='*{_FORMULA})")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def neutral(cell: object) -> str:
    text = str(cell)
    return text if _E164.fullmatch(text) else _ADD.sub("'", text)


def original(text: str) -> str:
    """What `neutral` made the text of."""
    return _TAKE.sub("", text)


def lines(rows: Iterable[Iterable[object]]) -> str:
    """The rows in CSV, each cell neutral and quoted."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
        [neutral(cell) for cell in row] for row in rows
    )
    return out.getvalue()
