"""Rows of a file into the workspace, a part at a time, and out of it again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from contacts import search
from contacts.imports.matching import Became, Book, Known, Placed
from contacts.imports.rows import BadRow, Row
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.numbers import Number
from contacts.services import index_new, number_rows, reindex
from tenants.models import Tenant

Rows = Sequence[Row | BadRow]


@dataclass
class Tally:
    """How many rows added a contact, completed one, changed nothing, were skipped."""

    added: int = 0
    completed: int = 0
    unchanged: int = 0
    skipped: int = 0

    @property
    def rows(self) -> int:
        return self.added + self.completed + self.unchanged + self.skipped

    def count(self, became: Became) -> None:
        setattr(self, became, getattr(self, became) + 1)


@dataclass
class Done:
    """What a part has changed, as JSON knows it: of each row what became of it, the contact, and
    what of it was not taken; of each contact that was completed the fields that it lacked as they
    are now, the numbers that it lacked, and when it had been changed before.
    """

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    completed: dict[str, tuple[dict[str, str], list[str], str]] = field(default_factory=dict)

    @property
    def added(self) -> set[UUID]:
        return {UUID(contact) for became, contact, _ in self.rows if became == Became.ADDED}


def placed(book: Book, rows: Rows) -> Iterator[tuple[Row | BadRow, Placed]]:
    """What becomes of each row, said of those that the database and the book know now; changes
    nothing but the book.
    """
    book.enter(_stored(row for row in rows if isinstance(row, Row)))
    for row in rows:
        if isinstance(row, BadRow):
            yield row, Placed(Became.SKIPPED, reason=row.reason)
        else:
            yield row, book.place(row)


def store(tenant: Tenant, rows: Rows, tally: Tally, *, same_number_is_same_person: bool) -> Done:
    """Store the rows and count them, in the present transaction."""
    # One import at a time: two would make the same contact twice. The row's key stays free, or
    # calls, whose rows point to it, would wait.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    book, done = Book(same_number_is_same_person=same_number_is_same_person), Done()
    for _, (became, known, reason, _) in placed(book, rows):
        tally.count(became)
        done.rows.append((became, str(known.id) if known else "", reason))
    new = [one for one in book if one.is_new]
    changed = [one for one in book if one.is_changed and not one.is_new]
    before = _write(tenant, new, changed)
    done.completed = {
        str(one.id): (one.added, [number for number, _ in one.added_numbers], before[one.id])
        for one in changed
    }
    return done


def _stored(rows: Iterable[Row]) -> Iterator[Known]:
    """The contacts that any of the rows could be, oldest first, each once."""
    emails, numbers, names = set[str](), set[str](), set[str]()
    for row in rows:
        names |= set() if row.email or row.numbers else {search.normalise(row.name)[:200]}
        emails |= {row.email.lower()} if row.email else set()
        numbers |= {Number.of(full).number for full, _ in row.numbers}
    # Ids first: of a workspace that is new, beside large ones, the planner knows nothing, and joins
    # or subqueries would be walks over all of it.
    addressed = Contact.objects.filter(folded_email__in=emails).values_list("pk", flat=True)
    numbered = ContactNumber.objects.filter(number__in=numbers).values_list("contact_id", flat=True)
    named = Contact.objects.filter(sort_name__in=names).values_list("pk", flat=True)
    ids = {*addressed, *numbered, *named}
    oldest_first = (
        Contact.objects.filter(pk__in=ids).order_by("created_at", "pk").prefetch_related("numbers")
    )
    for one in oldest_first:
        has = {row.full for row in one.numbers.all()}
        yield Known(one.pk, one.name, one.company, one.email, has)


def _write(tenant: Tenant, new: Sequence[Known], changed: Sequence[Known]) -> dict[UUID, str]:
    """Returns when those that are changed had been changed before."""
    contacts = [Contact(id=one.id, tenant=tenant, name=one.name) for one in new]
    there = Contact.objects.in_bulk([one.id for one in changed])
    before = {pk: contact.updated_at.isoformat() for pk, contact in there.items()}
    contacts += [there[one.id] for one in changed]
    for contact, one in zip(contacts, (*new, *changed), strict=True):
        contact.company, contact.email, contact.updated_at = one.company, one.email, timezone.now()
        contact.fold()
    Contact.objects.bulk_create(contacts[: len(new)])
    Contact.objects.bulk_update(
        contacts[len(new) :], ["company", "email", "folded_email", "updated_at"]
    )
    ContactNumber.objects.bulk_create(
        row
        for contact, one in zip(contacts, (*new, *changed), strict=True)
        for row in number_rows(
            contact, one.added_numbers, start=len(one.numbers) - len(one.added_numbers)
        )
    )
    # Of those that are new there is nothing to be read: the planner, who may know nothing yet of a
    # workspace that is filled just now, would read all that is there.
    index_new({contact: one.numbers for contact, one in zip(contacts, new, strict=False)})
    reindex(*contacts[len(new) :])
    return before


def take_back(done: Done, *, stored_at: datetime) -> int:
    """Undo what a part has changed, in the present transaction. Returns how many contacts it had
    added that stay, since somebody has changed or called them since.
    """
    added = done.added
    untouched = set(
        Contact.objects.select_for_update()
        .filter(pk__in=added, updated_at__lte=stored_at)
        .values_list("pk", flat=True)
    )
    untouched -= _referred_to(untouched)
    there = Contact.objects.filter(pk__in=added).count()
    Contact.objects.filter(pk__in=untouched).delete()
    completed = list(Contact.objects.select_for_update().filter(pk__in=done.completed))
    for contact in completed:
        fields, numbers, before = done.completed[str(contact.pk)]
        for name, said in fields.items():
            if getattr(contact, name) == said:
                setattr(contact, name, "")
        contact.save(update_fields=["company", "email"])
        mine = [row.pk for row in contact.numbers.all() if row.full in numbers]
        contact.numbers.filter(pk__in=mine).delete()
        if contact.updated_at <= stored_at:  # so that what had added it may go, too
            Contact.objects.filter(pk=contact.pk).update(updated_at=before)
    reindex(*completed)
    return there - len(untouched)


def _referred_to(contacts: set[UUID]) -> set[UUID]:
    """Those of them to which something else leads than what they consist of: a call, say."""
    found = set[UUID]()
    for relation in Contact._meta.related_objects:
        model = relation.related_model
        if model not in (ContactNumber, ContactToken):
            name = relation.field.attname
            rows = model._default_manager.filter(**{f"{name}__in": contacts})
            found |= set(rows.values_list(name, flat=True))
    return found
