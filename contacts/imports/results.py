"""What came of a file, row by row."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from contacts.imports.matching import Became
from contacts.imports.reading import WHY, cells_of, names_of, reader_of
from contacts.imports.rows import Row
from contacts.imports.storing import Done
from contacts.imports.tables import Cells
from contacts.models import Contact, ContactImport, ContactImportPart
from tenants.trail.exports import Pages
from tenants.trail.exports import Row as Line

PAGE = 25


@dataclass(frozen=True)
class Came:
    """A row that has added or completed a contact; `contact` is None when that one is gone."""

    line: int
    became: Became
    name: str
    contact: UUID | None


def came(file: ContactImport, country: str, after: str) -> tuple[list[Came], str]:
    """(some rows in their order, where the next ones begin or "")."""
    position, place = _place(after)
    found: list[tuple[Cells, str, str, str]] = []
    parts = file.parts.filter(has_come=True).order_by("position")
    while len(found) <= PAGE:
        part = parts.filter(position__gte=position).first()
        if part is None:
            break
        found += [
            (cells, became, contact, f"{part.position}.{number}")
            for number, (cells, (became, contact, _)) in enumerate(_pairs(file, part))
            if number >= place and became in (Became.ADDED, Became.COMPLETED)
        ]
        position, place = part.position + 1, 0
    shown, more = found[:PAGE], found[PAGE:]
    here = Contact.objects.in_bulk([UUID(contact) for _, _, contact, _ in shown])
    reader = reader_of(file, country)
    rows = []
    for cells, became, contact, _ in shown:
        row = reader.read(cells)
        name = row.name if isinstance(row, Row) else ""
        contact_id = UUID(contact)
        rows.append(
            Came(cells.line, Became(became), name, contact_id if contact_id in here else None)
        )
    return rows, more[0][3] if more else ""


def reasons(file: ContactImport) -> Iterator[tuple[int, str]]:
    """(line, why) of each row that was skipped or not taken whole."""
    for position in (
        file.parts.filter(has_reasons=True).order_by("position").values_list("position", flat=True)
    ):
        part = file.parts.get(position=position)
        for cells, (_, _, reason) in _pairs(file, part):
            if reason:
                yield cells.line, reason


def skipped_table(file: ContactImport) -> tuple[Line, Pages]:
    """(header, pages) of those rows as they stand in the file, with a column that says why."""
    names = names_of(file)
    # One that was left over from a file of skipped rows goes.
    kept = [place for place, name in enumerate(names) if name != WHY]

    def pages(after: str) -> tuple[Iterable[Line], str]:
        parts = file.parts.filter(has_reasons=True, position__gte=int(after or 0))
        part, following = [*parts.order_by("position")[:2], None, None][:2]
        rows = [
            [*_at(kept, cells.texts), reason, *cells.texts[len(names) :]]
            for cells, (_, _, reason) in (_pairs(file, part) if part else ())
            if reason
        ]
        return rows, str(following.position) if following else ""

    return [*_at(kept, names), WHY], pages


def _at(places: list[int], texts: list[str]) -> list[str]:
    return [texts[place] if place < len(texts) else "" for place in places]


def _pairs(
    file: ContactImport, part: ContactImportPart
) -> Iterator[tuple[Cells, tuple[str, str, str]]]:
    return zip(cells_of(file, part), Done(**json.loads(part.done)).rows, strict=True)


def _place(text: str) -> tuple[int, int]:
    """Of a text from an address: whatever it is."""
    position, _, place = text.partition(".")
    numbers = [
        int(one) if one.isascii() and one.isdigit() and len(one) < 7 else 0
        for one in (position, place)
    ]
    return numbers[0], numbers[1]
