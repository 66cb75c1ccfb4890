"""A file as it came, read into rows that are kept, and what its columns may mean."""

import json
from collections.abc import Callable, Iterator
from itertools import chain, islice
from statistics import mode
from typing import BinaryIO

from contacts.imports.columns import columns, guessed, is_header, mapped
from contacts.imports.rows import BadRow, Row, RowReader
from contacts.imports.sources import Source
from contacts.imports.tables import LONGEST_HEADER, BadFile, Cells
from contacts.models import ContactImport, ContactImportPart
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

PART = 500  # rows
TOGETHER = 20  # parts that are stored at a time
WHY = "why"  # the column of a file of skipped rows (contacts/imports/results.py)
SAMPLES = 50  # rows, of which those of a file that names no columns are guessed


def read_into_parts(
    tenant: Tenant, file: ContactImport, whole: BinaryIO, *, hold: Callable[[], None]
) -> None:
    """Keep its rows, and say in `file`, unsaved, what they seem to be. `hold` is called in each
    transaction. Raises `BadFile`.
    """
    source = Source(whole, tenant.country)
    rows = iter(source)
    beginning = list(islice(rows, SAMPLES))
    if not beginning:
        raise BadFile("This file is empty.")
    if beginning[0].broken:
        raise BadFile(f"Its first line cannot be read. {beginning[0].broken}")
    if sum(map(len, beginning[0].texts)) > LONGEST_HEADER:
        raise BadFile("Its first line is too long to name columns.")
    parts = _parts(tenant, file, chain(beginning, rows))
    while together := list(islice(parts, TOGETHER)):
        with tenant_transaction(tenant.pk):
            ContactImportPart.objects.bulk_create(together)
            hold()
    file.is_fixed = bool(source.names)
    file.names = source.names or beginning[0].texts
    # Where rows are wider than the first one, its last columns have no name. One row that is wider
    # than all others has a comma too many.
    usual = mode(len(row.texts) for row in beginning)
    width = source.widest if source.is_grid else usual
    file.names += [""] * (width - len(file.names))
    if source.unread:
        file.trouble = f"Only its first sheet is read. Not read: {', '.join(source.unread)}."
    with tenant_transaction(tenant.pk):
        guess(file, beginning)


def _parts(
    tenant: Tenant, file: ContactImport, rows: Iterator[Cells]
) -> Iterator[ContactImportPart]:
    file.rows = position = 0
    while some := list(islice(rows, PART)):
        file.rows += len(some)
        yield ContactImportPart(tenant=tenant, file=file, position=position, rows=json.dumps(some))
        position += 1


def guess(file: ContactImport, beginning: list[Cells]) -> None:
    """What the columns mean: as with the last file whose first row was this one, else by their
    names, or, where they have none, by what stands in them.
    """
    file.is_headed = file.is_fixed or is_header(file.names)
    imported = ContactImport.objects.filter(
        stage__in=(file.Stage.IMPORTING, file.Stage.DONE, file.Stage.BROKE_OFF)
    )
    # A file of skipped rows is the one that it is of.
    known = [name for name in file.names if name != WHY]
    last = imported.filter(names=known).order_by("-begun_at").first()
    if last is not None:
        before = iter(last.meanings)
        file.is_headed = last.is_headed
        file.meanings = [next(before) if name != WHY else "" for name in file.names]
    elif file.is_headed:
        file.meanings = [column.means for column in columns(file.names)]
    else:
        width = len(file.names)
        samples = [(row.texts + [""] * width)[:width] for row in beginning if not row.broken]
        file.meanings = list(map(str, guessed(samples)))


def cells_of(file: ContactImport, part: ContactImportPart) -> list[Cells]:
    """Its rows but for the one that names the columns."""
    rows = [Cells(*row) for row in json.loads(part.rows)]
    has_header = part.position == 0 and file.is_headed and not file.is_fixed
    return rows[1:] if has_header else rows


def reader_of(file: ContactImport, country: str) -> RowReader:
    return RowReader(mapped(names_of(file), file.meanings), country)


def rows_of(file: ContactImport, part: ContactImportPart, reader: RowReader) -> list[Row | BadRow]:
    return [reader.read(cells) for cells in cells_of(file, part)]


def names_of(file: ContactImport) -> list[str]:
    """Those of the columns; where the file has none, what they mean, “phone 2”, or “Column 3”."""
    if file.is_headed:
        return list(file.names)
    names, seen = [], dict[str, int]()
    for place, meaning in enumerate(file.meanings, start=1):
        count = seen[meaning] = seen.get(meaning, 0) + 1
        name = f"{meaning} {count}" if count > 1 else meaning
        names.append(name if meaning else f"Column {place}")
    return names
