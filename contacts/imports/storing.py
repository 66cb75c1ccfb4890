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

from contacts import search
from contacts.imports.rows import TOO_MANY_NUMBERS, BadRow, Row
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.numbers import MOST_NUMBERS
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
            row.email.lower() in ("", self.contact.folded_email)
            and bool(self.contact.company or not row.company)
            and all(number in self.numbers for number, _ in row.numbers)
        )

    def has_room_for(self, row: Row) -> bool:
        return len(self.numbers.union(number for number, _ in row.numbers)) <= MOST_NUMBERS

    def complete(self, row: Row) -> None:
        self.contact.company = self.contact.company or row.company
        self.contact.email = self.contact.email or row.email
        self.contact.fold()
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
    tally: Tally | None = None,
) -> Tally:
    """Store the rows batch by batch; each batch stands for itself. Refused ones go to `refuse`.

    `progress` is told in each batch's transaction; what it raises takes the batch back. `tally` is
    what was counted before. With `dry_run` everything is done in one transaction and taken back.
    """
    tally = tally or Tally()
    source = iter(rows)
    with tenant_transaction(tenant.pk) if dry_run else nullcontext():
        while batch := list(islice(source, BATCH)):
            good = [one for one in batch if isinstance(one, Row)]
            for one in batch:
                if isinstance(one, BadRow):
                    refuse(one)
            tally.refused += len(batch) - len(good)
            with tenant_transaction(tenant.pk):
                _import_batch(tenant, good, tally, refuse, index=not dry_run)
                progress(tally)
        if dry_run:
            transaction.set_rollback(True)
    return tally


def _import_batch(
    tenant: Tenant,
    rows: Sequence[Row],
    tally: Tally,
    refuse: Callable[[BadRow], None],
    *,
    index: bool,
) -> None:
    # One import at a time: two would make the same contact twice. The row's key stays free, or
    # calls, whose rows point to it, would wait.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    known = _known(rows)
    by_email: dict[str, list[_Known]] = {}
    by_number: dict[str, list[_Known]] = {}

    def file_under(one: _Known) -> None:
        for key, index in [
            (one.contact.folded_email, by_email),
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
        if same and not same[0].has_room_for(row):
            refuse(BadRow(row.line, TOO_MANY_NUMBERS))
            tally.refused += 1
            continue
        if same:
            one = same[0]
            tally.completed += not one.is_new
            tally.unchanged += one.is_new
        else:
            one = _Known(Contact(tenant=tenant, name=row.name), set(), is_new=True)
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
    # Ids first: of a workspace that is new, beside large ones, the planner knows nothing, and joins
    # or subqueries would be walks over all of it.
    addressed = Contact.objects.filter(folded_email__in=emails).values_list("pk", flat=True)
    numbered = ContactNumber.objects.filter(number__in=numbers).values_list("contact_id", flat=True)
    ids = {*addressed, *numbered}
    oldest_first = (
        Contact.objects.filter(pk__in=ids).order_by("created_at", "pk").prefetch_related("numbers")
    )
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
