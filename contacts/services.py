"""Writes of contacts. Every change of a contact or its numbers ends in `reindex`."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from contacts import search
from contacts.models import Contact, ContactNumber, ContactToken
from tenants.models import Tenant

_TOKEN = ("pk", "contact_id", "token")


@transaction.atomic
def create_contact(
    tenant: Tenant,
    *,
    name: str,
    numbers: Iterable[tuple[str, str]] = (),
    company: str = "",
    email: str = "",
) -> Contact:
    """A new contact; `numbers` are (E.164, label) pairs, the first being the one to call."""
    contact = Contact.objects.create(tenant=tenant, name=name, company=company, email=email)
    for position, (number, label) in enumerate(numbers):
        ContactNumber.objects.create(
            tenant=tenant, contact=contact, number=number, label=label, position=position
        )
    reindex(contact)
    return contact


@transaction.atomic
def update_contact(
    contact: Contact, *, name: str, company: str, email: str, numbers: Iterable[tuple[str, str]]
) -> None:
    """Make the contact read so; its numbers become these (E.164, label) pairs in this order."""
    # Two editors at once: the later one waits, and its version stands whole.
    Contact.objects.select_for_update().get(pk=contact.pk)
    contact.name, contact.company, contact.email = name, company, email
    contact.save(update_fields=["name", "company", "email", "updated_at"])
    wanted = list(numbers)
    contact.numbers.exclude(number__in=[number for number, _ in wanted]).delete()
    for position, (number, label) in enumerate(wanted):
        contact.numbers.update_or_create(
            number=number,
            defaults={"label": label, "position": position},
            create_defaults={
                "tenant_id": contact.tenant_id,
                "label": label,
                "position": position,
            },
        )
    reindex(contact)


def set_archived(contact: Contact, archived: bool, *, now: datetime) -> None:
    """Take the contact out of list and search, or put it back; its calls keep it either way."""
    contact.archived_at = now if archived else None
    contact.save(update_fields=["archived_at", "updated_at"])


@transaction.atomic
def reindex(*contacts: Contact) -> None:
    """Make the search tokens of each contact those of its present words and numbers."""
    numbers: dict[UUID, list[str]] = {contact.pk: [] for contact in contacts}
    for contact_id, number in ContactNumber.objects.filter(contact__in=contacts).values_list(
        "contact_id", "number"
    ):
        numbers[contact_id].append(number)
    rows = ContactToken.objects.filter(contact__in=contacts)
    present = {(contact, token): pk for pk, contact, token in rows.values_list(*_TOKEN)}
    wanted = {
        (contact.pk, token): contact.tenant_id
        for contact in contacts
        for token in search.tokens(
            (contact.name, contact.company, contact.email), numbers[contact.pk]
        )
    }
    stale = [present[key] for key in present.keys() - wanted.keys()]
    ContactToken.objects.filter(pk__in=stale).delete()
    ContactToken.objects.bulk_create(
        (
            ContactToken(tenant_id=wanted[contact, token], contact_id=contact, token=token)
            for contact, token in wanted.keys() - present.keys()
        ),
        batch_size=5000,
    )
