"""Contacts as a file that `contacts.imports` reads back."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Max

from contacts import selectors
from contacts.models import Contact, ContactNumber
from tenants.trail.exports import Pages, Row

PAGE = 500


def contacts_table(text: str, *, archived: bool, owner_id: UUID | None = None) -> tuple[Row, Pages]:
    """(header, pages) of the contacts that the list shows for `text`; a pair of columns for each
    number of the one who has most.
    """
    counted = ContactNumber.objects.values("contact_id").annotate(count=Count("id"))
    most: int = counted.aggregate(most=Max("count"))["most"] or 1
    columns = [f"{what}{n if n > 1 else ''}" for n in range(1, most + 1) for what in _PAIR]

    def pages(after: str) -> tuple[Iterable[Row], str]:
        page = selectors.contact_page(
            text, after=after, archived=archived, owner_id=owner_id, size=PAGE
        )
        return [_row(contact, most) for contact in page.contacts], page.next_cursor

    return ("name", "company", "email", *columns), pages


_PAIR = ("phone", "label")

# (header, rows) of a file to begin with; the people are invented.
SAMPLE: tuple[Row, list[Row]] = (
    ("name", "company", "email", "phone", "label", "phone2", "label2"),
    [
        ("Ada Example", "Example & Co", "ada@example.com", "+14155550123", "mobile", "", ""),
        ("Bo Sample", "", "bo@example.com", "+442079460123", "work", "+442079460124", "home"),
    ],
)


def _row(contact: Contact, most: int) -> Row:
    # One added since the header was written has no column.
    numbers: list[Any] = list(contact.numbers.all())[:most]
    pairs = [text for number in numbers for text in (number.full, number.label)]
    rest = [""] * (2 * (most - len(numbers)))
    return (contact.name, contact.company, contact.email, *pairs, *rest)
