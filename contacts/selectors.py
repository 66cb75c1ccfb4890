"""Reads of contacts. All of them run inside the current tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Prefetch, Q

from contacts import finding
from contacts.holders import MOST_HOLDERS
from contacts.models import Contact, ContactNumber
from contacts.numbers import Number
from tenants.bricks.ids import read_uuid
from tenants.fence.columns import Columns, split
from tenants.fence.context import current_tenant_id
from tenants.fence.pipeline import ask, rows
from tenants.models import Membership

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
    text: str = "",
    *,
    after: str = "",
    archived: bool = False,
    owner_id: UUID | None = None,
    size: int = PAGE_SIZE,
) -> ContactPage:
    """One page of contacts, with a text of those who are found by it, in the order of
    `contacts.finding`, else of all by name, or of an owner's; `after` is the cursor that the page
    before gave.
    """
    after = after.replace("\x00", "")  # which PostgreSQL does not take
    contacts = Contact.objects.filter(archived_at__isnull=not archived)
    contacts = contacts.prefetch_related(_NUMBERS)
    if text.strip():
        keys, cursor = finding.page_of_keys(text, archived=archived, after=after, size=size)
        found = {one.pk: one for one in contacts.filter(pk__in=[key.contact_id for key in keys])}
        return ContactPage([found[pk] for _, _, pk in keys if pk in found], cursor)
    contacts = contacts.order_by("sort_name", "id")
    if owner_id:
        contacts = contacts.filter(owner=owner_id)
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


def possible_owners(contact: Contact | None = None) -> Sequence[tuple[str, str]]:
    """(id, name) of the members who can take care of a contact, by name, after no one; also whoever
    has this one and is deactivated.
    """
    kept = Q(user=contact.owner_id) if contact and contact.owner_id else Q()
    members = Membership.objects.filter(_ACTIVE | kept).select_related("user")
    names = [(str(each.user_id), _owner(each)) for each in members.order_by("user__name", "id")]
    return [("", "No one"), *names]


def owner_name(contact: Contact) -> str:
    """Of who takes care of the contact, or ""."""
    if contact.owner_id is None:
        return ""
    return _owner(Membership.objects.select_related("user").get(user=contact.owner_id))


_ACTIVE = Q(is_active=True, user__is_active=True)


def _owner(member: Membership) -> str:
    is_active = member.is_active and member.user.is_active
    return str(member.user) + ("" if is_active else " (deactivated)")


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


# Written out (`tenants.fence.pipeline`): each dial asks one of the two.
_CONTACT = Columns(Contact, "c", "id", "tenant", "name", "archived_at")
_NUMBER = Columns(ContactNumber, "n", "contact", "number", "extension")
_HOLDERS = f"""SELECT {_NUMBER.sql}, {_CONTACT.sql} FROM contacts_contactnumber n
JOIN contacts_contact c ON c.tenant_id = n.tenant_id AND c.id = n.contact_id
WHERE n.tenant_id = %s AND n.number = %s
ORDER BY CASE WHEN n.extension = %s THEN 0 ELSE 1 END, c.archived_at NULLS FIRST, c.created_at,
n.contact_id LIMIT {MOST_HOLDERS}"""  # noqa: S608 # nosec B608 # our names
_CALLED = f"""SELECT {_CONTACT.sql}, {_NUMBER.sql} FROM contacts_contact c
LEFT JOIN contacts_contactnumber n ON n.tenant_id = c.tenant_id AND n.contact_id = c.id
WHERE c.tenant_id = %s AND c.id = %s ORDER BY n.position, n.id"""  # noqa: S608 # nosec B608 # our names


def holders(number: str, extension: str = "") -> Sequence[ContactNumber]:
    """The rows that have an E.164 number, with their contacts: those of the extension first, then
    those in the list, the oldest first; at most `MOST_HOLDERS`.
    """
    return holders_in(ask_holders(number, extension))


def ask_holders(number: str, extension: str = "") -> Any:
    """Send the statement that `holders_in` reads."""
    return ask(_HOLDERS, [current_tenant_id(), number, extension])


def holders_in(asked: Any) -> Sequence[ContactNumber]:
    found = []
    for row in rows(asked, _NUMBER, _CONTACT):
        _, of_number, of_contact = split(row, _NUMBER, _CONTACT)
        holder = _NUMBER.instance(of_number)
        holder.contact = _CONTACT.instance(of_contact)
        found.append(holder)
    return found


def ask_numbers(contact_id: UUID) -> Any:
    """Send the statement that `numbers_in` reads."""
    return ask(_CALLED, [current_tenant_id(), contact_id])


def numbers_in(asked: Any) -> tuple[Contact, Sequence[Number]] | None:
    """A contact and its numbers, in their order; None: there is no such contact."""
    found = [split(row, _CONTACT, _NUMBER) for row in rows(asked, _CONTACT, _NUMBER)]
    if not found:
        return None
    numbers = [Number(number, extension) for *_, (of, number, extension) in found if of is not None]
    return _CONTACT.instance(found[0][1]), numbers
