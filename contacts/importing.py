"""Contacts from a file into the workspace, in batches, so that a million rows need no more memory
than a thousand.

A row is a contact that is there already when the e-mail is the same, or, where one of both has no
e-mail, a number is. Nothing that a contact has is overwritten: what it lacks is added. So the same
row a second time finds a contact that says all it says, and changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.db.models.functions import Lower

from contacts import search
from contacts.csv_rows import BadRow, Row
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.services import reindex
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

BATCH = 500


@dataclass
class Tally:
    """How many rows made a contact, completed one, changed nothing, were refused."""

    created: int = 0
    completed: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def rows(self) -> int:
        return self.created + self.completed + self.unchanged + self.refused


@dataclass
class _Known:
    """A contact of the batch; `added` are its numbers that are not stored yet."""

    contact: Contact
    numbers: set[str]
    added: list[tuple[str, str]] = field(default_factory=list)
    is_new: bool = False
    is_changed: bool = False

    def says(self, row: Row) -> bool:
        return (
            row.email.lower() in ("", self.contact.email.lower())
            and bool(self.contact.company or not row.company)
            and all(number in self.numbers for number, _ in row.numbers)
        )

    def complete(self, row: Row) -> None:
        self.contact.company = self.contact.company or row.company
        self.contact.email = self.contact.email or row.email
        new = [(number, label) for number, label in row.numbers if number not in self.numbers]
        self.added += new
        self.numbers |= {number for number, _ in new}
        self.is_changed = True


def import_contacts(
    tenant: Tenant,
    rows: Iterable[Row | BadRow],
    *,
    dry_run: bool = False,
    refuse: Callable[[BadRow], None],
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Store the rows batch by batch; each batch stands for itself. Refused ones go to `refuse`.

    With `dry_run` everything is done in one transaction and taken back.
    """
    tally = Tally()
    source = iter(rows)
    with tenant_transaction(tenant.pk) if dry_run else nullcontext():
        while batch := list(islice(source, BATCH)):
            good = [one for one in batch if isinstance(one, Row)]
            for one in batch:
                if isinstance(one, BadRow):
                    refuse(one)
            tally.refused += len(batch) - len(good)
            _import_batch(tenant, good, tally, index=not dry_run)
            progress(tally)
        if dry_run:
            transaction.set_rollback(True)
    return tally


def _import_batch(tenant: Tenant, rows: Sequence[Row], tally: Tally, *, index: bool) -> None:
    with tenant_transaction(tenant.pk):
        # One import at a time: two would make the same contact twice. The row's key stays free, or
        # calls, whose rows point to it, would wait.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        known = _known(rows)
        by_email: dict[str, list[_Known]] = {}
        by_number: dict[str, list[_Known]] = {}

        def file_under(one: _Known) -> None:
            for key, index in [
                (one.contact.email.lower(), by_email),
                *((number, by_number) for number in one.numbers),
            ]:
                found = index.setdefault(key, [])
                if one not in found:
                    found.append(one)

        for one in known:
            file_under(one)
        for row in rows:
            same = _candidates(row, by_email, by_number)
            if any(one.says(row) for one in same):
                tally.unchanged += 1
                continue
            if same:
                one = same[0]
                tally.completed += not one.is_new
                tally.unchanged += one.is_new
            else:
                contact = Contact(tenant=tenant, name=row.name, sort_name=_sort_name(row.name))
                one = _Known(contact, set(), is_new=True)
                known.append(one)
                tally.created += 1
            one.complete(row)
            file_under(one)
        _store(tenant, known)
        if index:
            _index(tenant, known)


def _known(rows: Sequence[Row]) -> list[_Known]:
    """The contacts that any of the rows could be, oldest first, each once."""
    emails = {row.email.lower() for row in rows if row.email}
    numbers = {number for row in rows for number, _ in row.numbers}
    found: dict[object, Contact] = {}
    addressed = Contact.objects.annotate(lower_email=Lower("email")).filter(lower_email__in=emails)
    numbered = ContactNumber.objects.filter(number__in=numbers).values("contact_id")
    for contacts in (addressed, Contact.objects.filter(pk__in=numbered)):
        found |= {contact.pk: contact for contact in contacts.prefetch_related("numbers")}
    oldest_first = sorted(found.values(), key=lambda one: (one.created_at, one.pk))
    return [_Known(one, {row.number for row in one.numbers.all()}) for one in oldest_first]


def _candidates(
    row: Row, by_email: dict[str, list[_Known]], by_number: dict[str, list[_Known]]
) -> list[_Known]:
    if row.email and (same := by_email.get(row.email.lower())):
        return same
    # A switchboard's number is shared: two different addresses are two people.
    return [
        one
        for number, _ in row.numbers
        for one in by_number.get(number, [])
        if not (row.email and one.contact.email)
    ]


def _store(tenant: Tenant, known: Sequence[_Known]) -> None:
    new = [one for one in known if one.is_new]
    changed = [one for one in known if one.is_changed and not one.is_new]
    Contact.objects.bulk_create([one.contact for one in new])
    for one in changed:
        one.contact.save(update_fields=["company", "email", "updated_at"])
    ContactNumber.objects.bulk_create(
        ContactNumber(
            tenant=tenant, contact=one.contact, number=number, label=label, position=position
        )
        for one in (*new, *changed)
        for position, (number, label) in enumerate(
            one.added, start=len(one.numbers) - len(one.added)
        )
    )


def _index(tenant: Tenant, known: Sequence[_Known]) -> None:
    """Make them be found by search; a dry run has no need of it."""
    new = [one for one in known if one.is_new]
    ContactToken.objects.bulk_create(_tokens(tenant, new), batch_size=5000)
    for one in known:
        if one.is_changed and not one.is_new:
            reindex(one.contact)


def _tokens(tenant: Tenant, new: Sequence[_Known]) -> Iterator[ContactToken]:
    for one in new:
        contact = one.contact
        texts = (contact.name, contact.company, contact.email)
        for token in search.tokens(texts, one.numbers):
            yield ContactToken(tenant=tenant, contact=contact, token=token)


def _sort_name(name: str) -> str:
    return search.normalise(name)[:200]
