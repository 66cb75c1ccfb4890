"""A row of a file of contacts: what it says, or a plain reason why it cannot be used. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from contacts.imports.columns import Column, Means
from contacts.imports.tables import Cells
from contacts.numbers import (
    MOST_NUMBERS,
    TOO_MANY_NUMBERS,
    NumberError,
    is_local_emergency,
    parse_several,
)

LONGEST = {Means.NAME: 200, Means.COMPANY: 200, Means.EMAIL: 254, Means.LABEL: 40}
NO_NAME = "No column is set as name or company. Choose one."
_NAMED = {Means.NAME, Means.FIRST, Means.LAST, Means.COMPANY}
_LINES = re.compile(r"[\r\n]+")  # of a cell: each holds a number
_LOST = re.compile("[\ud800-\udfff\ufffd]")  # what stands for bytes that were no text


@dataclass(frozen=True)
class Row:
    """One contact; `line` is where it begins. `numbers` are (a `Number` as text, label) pairs."""

    line: int
    name: str
    company: str
    email: str
    numbers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BadRow:
    line: int
    reason: str


class RowReader:
    """Reads rows by what their columns mean; numbers without a country are of `region`."""

    def __init__(self, columns: Sequence[Column], region: str) -> None:
        self.columns = columns
        self._labels = _labels(columns)
        self._region = region
        self._places: dict[Means | None, list[tuple[int, Column]]] = {}
        for place, column in enumerate(columns):
            self._places.setdefault(column.means, []).append((place, column))

    @property
    def knows_a_name(self) -> bool:
        """Without one no row can be used."""
        return not _NAMED.isdisjoint(one.means for one in self.columns)

    @property
    def unused(self) -> list[str]:
        """The names of columns whose cells go nowhere."""
        means = [one.means for one in self.columns]
        parts = (Means.FIRST, Means.MIDDLE, Means.LAST)
        alone = (Means.NAME, Means.COMPANY, Means.EMAIL, *parts)
        labels = self._labels.values()
        found = [
            one.said
            for place, one in enumerate(self.columns)
            if not one.means or one.means == Means.LABEL and place not in labels
        ]
        return found + [
            f"{one.said} (where there is another)"
            for place, one in enumerate(self.columns)
            if one.means in alone
            and (one.means in means[:place] or one.means in parts and Means.NAME in means)
        ]

    def read(self, cells: Cells) -> Row | BadRow:
        if cells.broken:
            return BadRow(cells.line, cells.broken)
        return self._row(cells.line, list(cells.texts))

    def _row(self, line: int, cells: list[str]) -> Row | BadRow:
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            return BadRow(
                line, f"This row has {len(cells)} cells, but the header has {len(self.columns)}."
            )
        cells += [""] * (len(self.columns) - len(cells))
        texts = [
            " ".join((_LINES.sub(" | ", text) if column.means == Means.PHONE else text).split())
            for column, text in zip(self.columns, cells, strict=False)
        ]
        try:
            if _LOST.search("".join(texts)):
                raise ValueError("Some text isn’t UTF-8. Save the file as “CSV UTF-8”.")
            name, company = self._name(texts), self._first(Means.COMPANY, texts)
            if not (name or company):
                raise ValueError("Name is missing.")
            email = self._email(texts)
            numbers = self._numbers(texts)
        except ValueError as error:
            return BadRow(line, str(error))
        return Row(line, name or company, company, email, numbers)

    def _cells(self, means: Means, texts: list[str]) -> Iterator[tuple[int, Column, str]]:
        """(place, column, text) of the cells of this meaning that say something."""
        for place, column in self._places.get(means, ()):
            if text := texts[place]:
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
                raise ValueError(f"“{email}” isn’t a valid email address.") from None
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
                said = [found.get(number, ""), given, words, "" if given or words else column.label]
                label = ", ".join(dict.fromkeys(filter(None, said)))
                found[number] = label[:longest]
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
            why = "This phone number is incomplete." if is_short else error.message
            raise ValueError(f"{column.said} “{text}”: {why}") from None


def _labels(columns: Sequence[Column]) -> dict[int, int]:
    """The place of the label that is for the phone at a place: of those of one number it is for the
    one whose name tells nothing, else for the first; where none has its number, for the last before
    it.
    """
    found: dict[int, int] = {}
    for place, column in enumerate(columns):
        if column.means == Means.LABEL:
            phones = [
                (bool(one.label), phone)
                for phone, one in enumerate(columns)
                if one.means == Means.PHONE and one.number == column.number
            ]
            before = [n for n in range(place) if columns[n].means == Means.PHONE]
            if phones or before:
                found.setdefault(min(phones)[1] if phones else before[-1], place)
    return found


def _check_length(means: Means, said: str, text: str) -> None:
    longest = LONGEST.get(means)
    if longest and len(text) > longest:
        raise ValueError(f"{said} is longer than {longest} characters.")
