"""A CSV file of contacts: what each row says, or a plain reason why it cannot be used. Pure.

Columns, in any order, in any case: name, company, email, phone, phone2 …, label, label2 … (what
phone, phone2 … is for). Separated by commas or semicolons, UTF-8 with or without BOM. An export
(contacts/exporting.py) is such a file.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from contacts.numbers import MOST_NUMBERS, NumberError, is_local_emergency, parse_several
from tenants.bricks.csv_cells import original

LONGEST = {"name": 200, "company": 200, "email": 254, "label": 40}
TOO_MANY_NUMBERS = f"A contact has at most {MOST_NUMBERS} numbers; it would have more."
_COLUMN = re.compile(r"(name|company|e-?mail|(?:phone|label)[ _]?(\d{0,2}))")


class BadFile(Exception):
    """The file as a whole cannot be read; the message says why."""


@dataclass(frozen=True)
class Row:
    """One contact; `line` is where it begins. `numbers` are (E.164, label) pairs."""

    line: int
    name: str
    company: str
    email: str
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BadRow:
    line: int
    reason: str


class ContactFile:
    """Reads `lines` (text, with their ends) once; numbers without a country are of `region`.

    `ignored` are the columns that mean nothing here. Raises `BadFile` for an unusable header.
    """

    def __init__(self, lines: Iterable[str], region: str) -> None:
        source = iter(lines)
        header = next(source, "").removeprefix("\ufeff")
        delimiter = ";" if header.count(";") > header.count(",") else ","
        names = next(csv.reader([header], delimiter=delimiter), [])
        self.columns = [_column(name) for name in names]
        self.ignored = [
            name for name, column in zip(names, self.columns, strict=True) if not column
        ]
        self._region = region
        self._reader = csv.reader(source, delimiter=delimiter, strict=True)
        known = [column for column in self.columns if column]
        if "name" not in known:
            raise BadFile(
                "The first line must name the columns, one of them “name”. Known are name, "
                "company, email, phone, phone2 …, label, label2 …"
            )
        if twice := sorted({column for column in known if known.count(column) > 1}):
            raise BadFile(f"These columns are there twice: {', '.join(twice)}.")

    def __iter__(self) -> Iterator[Row | BadRow]:
        while True:
            line = self._reader.line_num + 2  # the reader has not seen the header
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(line, f"The row cannot be read ({error}). Are its quotes in pairs?")
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(line, cells)

    def _row(self, line: int, cells: list[str]) -> Row | BadRow:
        if len(cells) > len(self.columns):
            return BadRow(line, f"It has {len(cells)} cells, the header {len(self.columns)}.")
        given = {
            column: " ".join(original(cell).split())
            for column, cell in zip(self.columns, cells, strict=False)
            if column
        }
        try:
            _check(given, "".join(cells))
            numbers = self._numbers(given)
        except ValueError as error:
            return BadRow(line, str(error))
        email = given.get("email", "")
        if not email and not numbers:
            return BadRow(
                line, "It needs an email or a phone, by which the contact is known again."
            )
        return Row(line, given["name"], given.get("company", ""), email, numbers)

    def _numbers(self, given: dict[str, str]) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        phones = [(name, text) for name, text in given.items() if name.startswith("phone") and text]
        for column, text in phones:
            try:
                several = parse_several(text, self._region)
            except NumberError as error:
                # Nobody dials it here: what is an emergency number somewhere else is just short.
                is_short = error.code == "emergency_blocked" and not is_local_emergency(
                    text, self._region
                )
                why = "This is no complete telephone number." if is_short else error.message
                raise ValueError(f"{column} “{text}”: {why}") from None
            for number, words in several:
                label = given.get(column.replace("phone", "label")) or words[: LONGEST["label"]]
                found.setdefault(number, label)
        if len(found) > MOST_NUMBERS:
            raise ValueError(TOO_MANY_NUMBERS)
        return tuple(found.items())


def _column(name: str) -> str:
    """The column's own name (`phone` for phone1), "" for one that means nothing here."""
    match = _COLUMN.fullmatch(name.strip().lower())
    if match is None:
        return ""
    if match[2] is None:
        return match[1].replace("-", "")
    number = int(match[2] or 1)
    return match[1][:5] + (str(number) if number > 1 else "")


def _check(given: dict[str, str], text: str) -> None:
    """Raises `ValueError` with the reason why these cells cannot be stored."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("It holds bytes that are not text in UTF-8. Save the file as “CSV UTF-8”.")
    if not given.get("name"):
        raise ValueError("It has no name.")
    for column, value in given.items():
        longest = LONGEST.get(column.rstrip("0123456789"))
        if longest and len(value) > longest:
            raise ValueError(f"{column} is longer than {longest} characters.")
    if email := given.get("email"):
        try:
            validate_email(email)
        except ValidationError:
            raise ValueError(f"email “{email}” is not an address.") from None
