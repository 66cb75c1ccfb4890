"""Who is meant by a number that several contacts have. Pure."""

from collections.abc import Iterable

from contacts.models import Contact, ContactNumber

MOST_HOLDERS = 100  # of one number that are looked at


def meant(rows: Iterable[ContactNumber], extension: str = "") -> list[Contact]:
    """Of the rows that have a number, with their contacts: whom it may be, each once, in their
    order.

    An extension means those who have it, if any do. Archived contacts are meant only by a number
    that nobody else has.
    """
    found = list(rows)
    found = [row for row in found if extension and row.extension == extension] or found
    found = [row for row in found if row.contact.archived_at is None] or found
    return list({row.contact_id: row.contact for row in found}.values())
