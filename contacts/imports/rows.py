"""A file of contacts in rows: what each says, or a plain reason why it cannot be used. Pure.

Its first line names the columns (contacts/columns.py). They are separated by commas, semicolons or
tabs, whatever suits that line, or by what a line `sep=` before it says. An export
(contacts/exporting.py) is such a file.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from contacts.imports.columns import Column, Means, columns
from contacts.numbers import MOST_NUMBERS, NumberError, is_local_emergency, parse_several
from tenants.bricks.csv_cells import original

MOST_COLUMNS = 500
LONGEST_HEADER = 50_000  # characters
LONGEST = {Means.NAME: 200, Means.COMPANY: 200, Means.EMAIL: 254, Means.LABEL: 40}
TOO_MANY_NUMBERS = f"A contact has at most {MOST_NUMBERS} numbers; it would have more."
_NAMED = {Means.NAME, Means.FIRST, Means.LAST, Means.COMPANY}
_SEPARATORS = ",;\t|"
_SEP_LINE = re.compile(r"sep=([,;\t|:^~])\s*", re.IGNORECASE)
_LINES = re.compile(r"[\r\n]+")  # of a cell: each holds a number
_LOST = re.compile("[\0\ud800-\udfff\ufffd]")  # what stands for bytes that were no text


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
        first = next(source, "").removeprefix("\ufeff")
        separator, self._lines_before = "", 0
        if match := _SEP_LINE.fullmatch(first):
            separator, self._lines_before, first = match[1], 1, next(source, "")
        if len(first) > LONGEST_HEADER or first.count(",") > MOST_COLUMNS:
            raise BadFile(f"The first line is too long: at most {MOST_COLUMNS} columns are read.")
        separator = separator or _separator_of(first)
        self._reader = csv.reader(chain([first], source), delimiter=separator, strict=True)
        try:
            names = next(self._reader, [])
        except csv.Error as error:
            raise BadFile(f"The first line cannot be read ({error}).") from None
        if len(names) > MOST_COLUMNS:
            raise BadFile(f"There are more than {MOST_COLUMNS} columns.")
        self.columns = columns(names)
        self.ignored = [one.said for one in self.columns if not one.means]
        self.ignored += [
            f"{one.said} (where there is another)"
            for place, one in enumerate(self.columns)
            if one.means in (Means.NAME, Means.COMPANY, Means.EMAIL)
            and one.means in {other.means for other in self.columns[:place]}
        ]
        self._labels = _labels(self.columns)
        self._region = region
        self._rows = self._read_rows()
        if _NAMED.isdisjoint(one.means for one in self.columns):
            raise BadFile(
                "The first line must name the columns, one of them a name. Known are name, "
                "first name, last name, company, email, phone, phone2 …, label, label2 …"
            )

    def __iter__(self) -> Iterator[Row | BadRow]:
        for line, cells in self._rows:
            yield cells if isinstance(cells, BadRow) else self._row(line, cells)

    def skip(self, count: int) -> None:
        """Leave out the next rows, which costs little."""
        for _ in islice(self._rows, count):
            pass

    def _read_rows(self) -> Iterator[tuple[int, list[str] | BadRow]]:
        while True:
            line = self._reader.line_num + 1 + self._lines_before
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                reason = f"The row cannot be read ({error}). Are its quotes in pairs?"
                yield line, BadRow(line, reason)
                continue
            if any(cell.strip() for cell in cells):
                yield line, cells

    def _row(self, line: int, cells: list[str]) -> Row | BadRow:
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            return BadRow(line, f"It has {len(cells)} cells, the header {len(self.columns)}.")
        cells += [""] * (len(self.columns) - len(cells))
        texts = [
            " ".join((_LINES.sub(" | ", text) if column.means == Means.PHONE else text).split())
            for column, text in zip(self.columns, map(original, cells), strict=False)
        ]
        try:
            if _LOST.search("".join(texts)):
                raise ValueError(
                    "It holds bytes that are not text in UTF-8. Save the file as “CSV UTF-8”."
                )
            name, company = self._name(texts), self._first(Means.COMPANY, texts)
            if not (name or company):
                raise ValueError("It has no name.")
            email = self._email(texts)
            numbers = self._numbers(texts)
        except ValueError as error:
            return BadRow(line, str(error))
        if not email and not numbers:
            return BadRow(
                line, "It needs an email or a phone, by which the contact is known again."
            )
        return Row(line, name or company, company, email, numbers)

    def _cells(self, means: Means, texts: list[str]) -> Iterator[tuple[int, Column, str]]:
        """(place, column, text) of the cells of this meaning that say something."""
        for place, (column, text) in enumerate(zip(self.columns, texts, strict=True)):
            if column.means == means and text:
                yield place, column, text

    def _first(self, means: Means, texts: list[str]) -> str:
        for _, column, text in self._cells(means, texts):
            _check_length(means, column.said, text)
            return text
        return ""

    def _name(self, texts: list[str]) -> str:
        if whole := self._first(Means.NAME, texts):
            return whole
        parts = [self._first(m, texts) for m in (Means.FIRST, Means.MIDDLE, Means.LAST)]
        name = " ".join(part for part in parts if part)
        _check_length(Means.NAME, "name", name)
        return name

    def _email(self, texts: list[str]) -> str:
        email = self._first(Means.EMAIL, texts)
        if email:
            _check_length(Means.EMAIL, "email", email.lower())  # which can be longer
            try:
                validate_email(email)
            except ValidationError:
                raise ValueError(f"email “{email}” is not an address.") from None
        return email

    def _numbers(self, texts: list[str]) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        cells = list(self._cells(Means.PHONE, texts))
        if len(cells) > MOST_NUMBERS:
            raise ValueError(TOO_MANY_NUMBERS)
        longest = LONGEST[Means.LABEL]
        for place, column, text in cells:
            given = self._label_of(place, texts)
            for number, words in self._read(column, text):
                found.setdefault(number, given or words[:longest] or column.label[:longest])
        if len(found) > MOST_NUMBERS:
            raise ValueError(TOO_MANY_NUMBERS)
        return tuple(found.items())

    def _label_of(self, phone: int, texts: list[str]) -> str:
        place = self._labels.get(phone)
        if place is None:
            return ""
        _check_length(Means.LABEL, self.columns[place].said, texts[place])
        return texts[place].removeprefix("* ")  # Google's mark of the first one

    def _read(self, column: Column, text: str) -> list[tuple[str, str]]:
        try:
            return parse_several(text, self._region)
        except NumberError as error:
            # Nobody dials it here: what is an emergency number somewhere else is just short.
            is_short = error.code == "emergency_blocked" and not is_local_emergency(
                text, self._region
            )
            why = "This is no complete telephone number." if is_short else error.message
            raise ValueError(f"{column.said} “{text}”: {why}") from None


def _labels(columns: list[Column]) -> dict[int, int]:
    """The place of the label that is for the phone at a place: of those of one number it is for the
    one whose name tells nothing, else for the first.
    """
    found: dict[int, int] = {}
    for place, column in enumerate(columns):
        if column.means == Means.LABEL:
            phones = [
                (bool(one.label), phone)
                for phone, one in enumerate(columns)
                if one.means == Means.PHONE and one.number == column.number
            ]
            if phones:
                found.setdefault(min(phones)[1], place)
    return found


def _separator_of(header: str) -> str:
    """The one that makes most sense of the header: by known columns, then by how many there are."""

    def sense(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator), [])
        return sum(bool(column.means) for column in columns(names)), len(names)

    return max(_SEPARATORS, key=sense)


def _check_length(means: Means, said: str, text: str) -> None:
    longest = LONGEST.get(means)
    if longest and len(text) > longest:
        raise ValueError(f"{said} is longer than {longest} characters.")
