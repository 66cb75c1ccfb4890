"""Reads of contacts. All of them run inside the current tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, F, Prefetch, Q, When

from contacts import finding
from contacts.holders import MOST_HOLDERS
from contacts.models import Contact, ContactNumber
from contacts.numbers import Number
from tenants.bricks.ids import read_uuid

PAGE_SIZE = 25
SUGGESTIONS = 8
SUGGESTED_ALIKE = 3
_NUMBERS = Prefetch("numbers", ContactNumber.objects.order_by("position", "id"))


@dataclass(frozen=True)
class ContactPage:
    """`contacts` with their numbers loaded; `next_cursor` is "" on the last page."""

    contacts: Sequence[Contact]
    next_cursor: str


class Suggestion(NamedTuple):
    """A contact and one of its numbers."""

    contact_id: UUID
    name: str
    company: str
    number: str
    extension: str

    @property
    def full(self) -> str:
        return str(Number(self.number, self.extension))


def contact_page(
    text: str = "", *, after: str = "", archived: bool = False, size: int = PAGE_SIZE
) -> ContactPage:
    """One page of contacts, with a text of those who are found by it, in the order of
    `contacts.finding`, else of all by name; `after` is the cursor that the page before gave.
    """
    after = after.replace("\x00", "")  # which PostgreSQL does not take
    contacts = Contact.objects.filter(archived_at__isnull=not archived)
    contacts = contacts.prefetch_related(_NUMBERS)
    if text.strip():
        keys, cursor = finding.page_of_keys(text, archived=archived, after=after, size=size)
        found = {one.pk: one for one in contacts.filter(pk__in=[key.contact_id for key in keys])}
        return ContactPage([found[pk] for _, _, pk in keys if pk in found], cursor)
    contacts = contacts.order_by("sort_name", "id")
    if after:
        contact_id, _, sort_name = after.partition(" ")
        # The first condition is the range that the index walks, the second cuts its first name.
        contacts = contacts.filter(sort_name__gte=sort_name).exclude(
            sort_name=sort_name, id__lte=read_uuid(contact_id) or UUID(int=0)
        )
    rows = list(contacts[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    return ContactPage(rows, f"{rows[-1].pk} {rows[-1].sort_name}" if more else "")


def contact_with_numbers(contact_id: UUID, *, lock: bool = False) -> Contact | None:
    """Locked, nobody else changes it until this transaction is over."""
    found = Contact.objects.filter(pk=contact_id).prefetch_related(_NUMBERS)
    return (found.select_for_update(no_key=True) if lock else found).first()


def suggest(text: str, *, size: int = SUGGESTIONS) -> Sequence[Suggestion]:
    """The numbers of the first contacts that match what is being typed (`contacts.finding`)."""
    return [Suggestion(*row) for row in finding.suggestions(text, size=size)]


def alike(*, number: str, email: str, but: UUID | None = None) -> Sequence[Contact]:
    """A few contacts in the list, but for one, that have this number (E.164) or this e-mail."""
    has_number, has_email = Q(numbers__number=number), Q(folded_email=email.lower())
    asked = has_number if number else has_email
    found = Contact.objects.filter(asked, archived_at=None).exclude(pk=but)
    return found.order_by("created_at", "id").distinct()[:SUGGESTED_ALIKE]


def contact_by_id(contact_id: UUID) -> Contact | None:
    return Contact.objects.filter(pk=contact_id).first()


def holders(number: str, extension: str = "") -> Sequence[ContactNumber]:
    """The rows that have an E.164 number, with their contacts: those of the extension first, then
    those in the list, the oldest first; at most `MOST_HOLDERS`.
    """
    is_other = Case(When(extension=extension, then=0), default=1)
    order = (is_other, F("contact__archived_at").asc(nulls_first=True))
    rows = ContactNumber.objects.filter(number=number).select_related("contact")
    return rows.order_by(*order, "contact__created_at", "contact_id")[:MOST_HOLDERS]
