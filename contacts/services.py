"""Writes of contacts. Every change of a contact or its numbers ends in `reindex`."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from contacts import search
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.numbers import Number
from contacts.signals import contact_saved
from tenants.fence.context import tenant_id_for_query
from tenants.models import Tenant

_ADD = """INSERT INTO contacts_contacttoken
    (tenant_id, contact_id, sort_name, is_archived, token) VALUES (%s, %s, %s, %s, %s)"""
_ADD_EACH = """INSERT INTO contacts_contacttoken
    (tenant_id, contact_id, sort_name, is_archived, token)
    SELECT %s::uuid, c.contact_id, c.sort_name, c.is_archived, t.token
    FROM unnest(%s::uuid[], %s::text[], %s::boolean[], %s::text[])
        AS c (contact_id, sort_name, is_archived, tokens),
    unnest(string_to_array(c.tokens, ' ')) AS t (token)"""


@transaction.atomic
def create_contact(
    tenant: Tenant,
    *,
    name: str,
    numbers: Iterable[tuple[str, str]] = (),
    company: str = "",
    email: str = "",
    owner_id: UUID | None = None,
) -> Contact:
    """A new contact; `numbers` are (a `Number` as text, label) pairs, the first being the one to
    call; the owner is a member's person.
    """
    contact = Contact.objects.create(
        tenant=tenant, name=name, company=company, email=email, owner_id=owner_id
    )
    ContactNumber.objects.bulk_create(number_rows(contact, numbers))
    reindex(contact)
    contact_saved.send(Contact, contact=contact)
    return contact


@transaction.atomic
def update_contact(
    contact: Contact, *, name: str, company: str, email: str, numbers: Iterable[tuple[str, str]]
) -> None:
    """Make the contact read so; its numbers become these (as of `create_contact`) in this order."""
    # Two editors at once: the later one waits, and its version stands whole.
    contact.archived_at = Contact.objects.select_for_update().get(pk=contact.pk).archived_at
    contact.name, contact.company, contact.email = name, company, email
    contact.save(update_fields=["name", "company", "email", "updated_at"])
    present = {row.full: row for row in contact.numbers.all()}
    wanted = {row.full: row for row in number_rows(contact, numbers)}
    gone = [present[full].pk for full in present.keys() - wanted.keys()]
    contact.numbers.filter(pk__in=gone).delete()
    for full, row in wanted.items():
        row.pk = present[full].pk if full in present else None
        row.save(force_insert=row.pk is None)
    reindex(contact)
    contact_saved.send(Contact, contact=contact)


def set_owner(contact: Contact, owner_id: UUID | None) -> None:
    """Who takes care of the contact from now on: a member's person, or nobody."""
    contact.owner_id = owner_id
    contact.save(update_fields=["owner", "updated_at"])


def number_rows(
    contact: Contact, numbers: Iterable[tuple[str, str]], *, start: int = 0
) -> Iterator[ContactNumber]:
    """Unsaved rows of these (a `Number` as text, label) pairs, from the position `start` on."""
    for position, (full, label) in enumerate(numbers, start=start):
        number, extension = Number.of(full)
        yield ContactNumber(
            tenant_id=contact.tenant_id,
            contact=contact,
            number=number,
            extension=extension,
            label=label,
            position=position,
        )


@transaction.atomic
def set_archived(contact: Contact, archived: bool, *, now: datetime) -> bool:
    """Take the contact out of list and search, or put it back; its calls keep it either way.
    Whether it was otherwise before.
    """
    contact.archived_at = now if archived else None
    before = Contact.objects.filter(pk=contact.pk, archived_at__isnull=archived)
    is_changed = bool(before.update(archived_at=contact.archived_at, updated_at=now))
    if is_changed:
        # Else they are someone else's, who may be about to commit the contrary.
        contact.tokens.update(is_archived=archived)
    return is_changed


@transaction.atomic
def reindex(*contacts: Contact) -> None:
    """Make the search tokens of each contact those of its present words and numbers."""
    numbers: dict[UUID, list[str]] = {contact.pk: [] for contact in contacts}
    rows = ContactNumber.objects.filter(contact__in=contacts)
    for contact_id, number in rows.values_list("contact_id", "number"):
        numbers[contact_id].append(number)
    tokens = ContactToken.objects.filter(contact__in=contacts)
    facts = {contact.pk: _facts(contact) for contact in contacts}
    present = {pk: dict[str, int]() for pk in facts}
    told = set()
    for row in tokens:
        present[row.contact_id][row.token] = row.pk
        if (row.sort_name, row.is_archived) != (*facts[row.contact_id].values(),):
            told.add(row.contact_id)
    wanted = {contact: _tokens(contact, numbers[contact.pk]) for contact in contacts}
    stale = [
        pk
        for contact, its in wanted.items()
        for token, pk in present[contact.pk].items()
        if token not in its
    ]
    ContactToken.objects.filter(pk__in=stale).delete()
    for contact_id in told:
        tokens.filter(contact=contact_id).update(**facts[contact_id])
    _insert((contact, its - present[contact.pk].keys()) for contact, its in wanted.items())


def index_new(contacts: Iterable[tuple[Contact, Iterable[str]]]) -> None:
    """Make contacts that have no tokens yet be found; their numbers are given."""
    _insert((contact, _tokens(contact, numbers)) for contact, numbers in contacts)


def _tokens(contact: Contact, numbers: Iterable[str]) -> set[str]:
    """`numbers` with or without extensions, by which nobody is found."""
    texts = (contact.name, contact.company, contact.email)
    return search.tokens(texts, [Number.of(full).number for full in numbers])


def _insert(tokens: Iterable[tuple[Contact, Collection[str]]]) -> None:
    """In SQL of its own: a contact has some fifteen, and an import two hundred thousand of them,
    for each of which a model's instance costs more than all the rest.
    """
    tenant_id = tenant_id_for_query()
    its = [(contact, *_facts(contact).values(), said) for contact, said in tokens if said]
    if not its:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # No token holds a space.
            rows = [(one.pk, *facts, " ".join(said)) for one, *facts, said in its]
            cursor.execute(_ADD_EACH, [tenant_id, *map(list, zip(*rows, strict=True))])
        else:
            rows = [
                (tenant_id.hex, one.pk.hex, *facts, token)
                for one, *facts, said in its
                for token in said
            ]
            cursor.executemany(_ADD, rows)


def _facts(contact: Contact) -> dict[str, Any]:
    """Of a contact, what each of its tokens repeats."""
    is_archived = contact.archived_at is not None
    return {"sort_name": contact.sort_name, "is_archived": is_archived}
