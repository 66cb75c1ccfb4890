"""Reads of contacts. All of them run inside the current tenant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Prefetch, Q, QuerySet, When

from contacts import search
from contacts.holders import MOST_HOLDERS
from contacts.models import Contact, ContactNumber, ContactToken
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


def find_contacts(text: str, *, archived: bool | None = False) -> QuerySet[Contact]:
    """Contacts of which every typed word (or the typed digits) begins a token, by name.

    `archived`: only those that are, only those that are not, or (None) both.
    """
    found: QuerySet[Contact] = Contact.objects.all()
    if archived is not None:
        found = found.filter(archived_at__isnull=not archived)
    asked = search.queries(text)
    if text.strip() and not asked:
        return found.none()
    for ways in asked:
        found = found.filter(reduce(or_, (_has_tokens(prefixes) for prefixes in ways)))
    return found


def _has_tokens(prefixes: Iterable[str]) -> Q:
    """For each prefix a token that begins with it."""
    tokens = (
        ContactToken.objects.filter(
            contact_id=OuterRef("pk"), token__gte=prefix, token__lt=search.after(prefix)
        )
        for prefix in prefixes
    )
    return Q(*map(Exists, tokens))


def contact_page(
    text: str = "", *, after: str = "", archived: bool = False, size: int = PAGE_SIZE
) -> ContactPage:
    """One page of contacts by name; `after` is the cursor that the page before gave."""
    contacts = find_contacts(text, archived=archived).order_by("sort_name", "id")
    after = after.replace("\x00", "")  # which PostgreSQL does not take
    if after:
        contact_id, _, sort_name = after.partition(" ")
        # The first condition is the range that the index walks, the second cuts its first name.
        contacts = contacts.filter(sort_name__gte=sort_name).exclude(
            sort_name=sort_name, id__lte=read_uuid(contact_id) or UUID(int=0)
        )
    rows = list(contacts.prefetch_related(_NUMBERS)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    return ContactPage(rows, f"{rows[-1].pk} {rows[-1].sort_name}" if more else "")


def contact_with_numbers(contact_id: UUID, *, lock: bool = False) -> Contact | None:
    """Locked, nobody else changes it until this transaction is over."""
    found = Contact.objects.filter(pk=contact_id).prefetch_related(_NUMBERS)
    return (found.select_for_update(no_key=True) if lock else found).first()


def suggest(text: str, *, size: int = SUGGESTIONS) -> Sequence[Contact]:
    """The first contacts that match what is being typed; nothing for an empty text."""
    if not text.strip():
        return []
    return contact_page(text, size=size).contacts


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
