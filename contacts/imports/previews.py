"""What would come of a file if it were brought in now."""

from collections.abc import Callable
from itertools import count, islice
from typing import Any

from contacts.imports.matching import Became, Book
from contacts.imports.reading import reader_of, rows_of
from contacts.imports.rows import Row
from contacts.imports.storing import Tally, placed
from contacts.models import ContactImport
from contacts.numbers import display
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

MOST_PARTS = 10  # are looked at
FIRST = 8  # rows that are shown as they would be
NAMED = 20  # rows of which it is said why


def preview_of(
    tenant: Tenant,
    file: ContactImport,
    *,
    most_parts: int | None = MOST_PARTS,
    tell: Callable[[int, str], None] = lambda line, reason: None,
) -> dict[str, Any]:
    """As JSON: how many of the first rows would become what, and some of them. `tell` hears of
    each row that would be skipped or not taken whole.
    """
    reader, tally = reader_of(file, tenant.country), Tally()
    book = Book(same_number_is_same_person=file.same_number_is_same_person)
    first: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    sharing: list[dict[str, Any]] = []
    count_sharing = 0
    for position in islice(count(), most_parts):
        with tenant_transaction(tenant.pk):
            part = file.parts.filter(position=position).first()
            if part is None:
                break
            for row, would in placed(book, rows_of(file, part, reader)):
                tally.count(would.became)
                if len(first) < FIRST:
                    first.append(_shown(row, tenant.country) | {"became": would.became})
                if would.reason:
                    tell(row.line, would.reason)
                    told = {"line": row.line, "reason": would.reason}
                    skipped += [told] * (len(skipped) < NAMED)
                if would.shares and isinstance(row, Row):
                    count_sharing += 1
                    names = {"name": row.name, "with": would.shares.name}
                    sharing += [{"line": row.line} | names] * (len(sharing) < NAMED)
    counts = {str(one): getattr(tally, one) for one in Became}
    return {
        "looked_at": tally.rows,
        "counts": counts,
        "first": first,
        "skipped": skipped,
        "sharing": sharing,
        "more_sharing": count_sharing - len(sharing),
    }


def _shown(row: Any, country: str) -> dict[str, Any]:
    if not isinstance(row, Row):
        return {"line": row.line, "reason": row.reason}
    numbers = [
        {"number": display(number, country), "label": label} for number, label in row.numbers
    ]
    about = {"name": row.name, "company": row.company, "email": row.email}
    return {"line": row.line, "numbers": numbers} | about
