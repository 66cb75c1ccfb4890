"""Writes of contacts. Every change of a contact or its numbers ends in `reindex`."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from contacts import search
from contacts.models import Contact, ContactNumber, ContactToken
from tenants.models import Tenant


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
def reindex(contact: Contact) -> None:
    """Make the search tokens of a contact those of its present words and numbers."""
    wanted = search.tokens(
        (contact.name, contact.company, contact.email),
        contact.numbers.values_list("number", flat=True),
    )
    present = set(contact.tokens.values_list("token", flat=True))
    contact.tokens.filter(token__in=present - wanted).delete()
    ContactToken.objects.bulk_create(
        ContactToken(tenant_id=contact.tenant_id, contact=contact, token=token)
        for token in wanted - present
    )
