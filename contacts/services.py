"""Writes of contacts. Every change of a contact or its numbers ends in `reindex`."""

from collections.abc import Iterable

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
