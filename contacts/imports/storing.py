"""Rows of a file into the workspace, a part at a time, and out of it again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from contacts import search
from contacts.imports.matching import MOST_NEAR, Became, Book, Known, Placed
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


# Fields, numbers, labels, when: see Done.
Completed = tuple[dict[str, str], list[str], list[str], str]


@dataclass
class Done:
    """What a part has changed, as JSON knows it: of each row what became of it, the contact, and
    what of it was not taken; of each contact that was completed the fields that it lacked as they
    are now, the numbers and the labels that it lacked, and when it had been changed before.
    """

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    completed: dict[str, Completed] = field(default_factory=dict)

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
        str(one.id): (one.added, [*one.added_numbers], [*one.added_labels], before[one.id])
        for one in changed
    }
    return done


def _stored(rows: Iterable[Row]) -> Iterator[Known]:
    """The contacts that any of the rows could be, oldest first, each once."""
    emails, numbers, names, has_bare = set[str](), set[str](), set[str](), False
    for row in rows:
        names.add(search.normalise(row.name)[:200])
        has_bare |= not (row.email or row.numbers)  # known by the name alone
        emails |= {row.email.lower()} if row.email else set()
        numbers |= {Number.of(full).number for full, _ in row.numbers}
    # Ids first: of a workspace that is new, beside large ones, the planner knows nothing, and joins
    # or subqueries would be walks over all of it.
    addressed = Contact.objects.filter(folded_email__in=emails).values_list("pk", flat=True)
    named = set(Contact.objects.filter(sort_name__in=names).values_list("pk", flat=True))
    # Of a switchboard's ten thousand those that may be meant (contacts.imports.matching.MOST_NEAR).
    near: dict[str, list[UUID]] = {}
    has = ContactNumber.objects.filter(number__in=numbers).order_by("id")
    for number, contact_id in has.values_list("number", "contact_id"):
        near.setdefault(number, []).append(contact_id)
    ids = {*addressed, *(named if has_bare else ())}
    for found in near.values():
        ids |= {*found[:MOST_NEAR], *named.intersection(found)}
    oldest_first = (
        Contact.objects.filter(pk__in=ids).order_by("created_at", "pk").prefetch_related("numbers")
    )
    for one in oldest_first:
        labels = {row.full: row.label for row in one.numbers.all()}
        yield Known(one.pk, one.name, one.company, one.email, labels, (one.created_at, one.pk))


def _write(tenant: Tenant, new: Sequence[Known], changed: Sequence[Known]) -> dict[UUID, str]:
    """Returns when those that are changed had been changed before."""
    contacts = [Contact(id=one.id, tenant=tenant, name=one.name) for one in new]
    there = Contact.objects.select_for_update().in_bulk([one.id for one in changed])
    before = {pk: contact.updated_at.isoformat() for pk, contact in there.items()}
    contacts += [there[one.id] for one in changed]
    for contact, one in zip(contacts, (*new, *changed), strict=True):
        # What somebody has filled in a moment ago stays.
        one.added = {name: said for name, said in one.added.items() if not getattr(contact, name)}
        for name, said in one.added.items():
            setattr(contact, name, said)
        contact.updated_at = timezone.now()
        contact.fold()
    Contact.objects.bulk_create(contacts[: len(new)])
    Contact.objects.bulk_update(
        contacts[len(new) :], ["company", "email", "folded_email", "updated_at"]
    )
    ContactNumber.objects.bulk_create(
        row
        for contact, one in zip(contacts, (*new, *changed), strict=True)
        for row in number_rows(
            contact, one.added_numbers.items(), start=len(one.numbers) - len(one.added_numbers)
        )
    )
    _label({one.id: one.added_labels for one in changed if one.added_labels})
    # Of those that are new there is nothing to be read: the planner, who may know nothing yet of a
    # workspace that is filled just now, would read all that is there.
    index_new((contact, one.numbers) for contact, one in zip(contacts, new, strict=False))
    reindex(*contacts[len(new) :])
    return before


def _label(labels: dict[UUID, dict[str, str]]) -> None:
    """Give numbers of these contacts that have no label theirs."""
    rows = [
        row
        for row in ContactNumber.objects.filter(contact__in=labels, label="")
        if row.full in labels[row.contact_id]
    ]
    for row in rows:
        row.label = labels[row.contact_id][row.full]
    ContactNumber.objects.bulk_update(rows, ["label"])


def take_back(done: Done, *, stored_at: datetime) -> int:
    """Undo what a part has changed, in the present transaction. Returns how many contacts stay as
    they are, since somebody has changed them since or called one that was added.
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
    completed = Contact.objects.select_for_update().filter(pk__in=done.completed)
    as_left = [one for one in completed if one.updated_at <= stored_at]
    for contact in as_left:
        fields, numbers, labelled, before = done.completed[str(contact.pk)]
        for name in fields:
            setattr(contact, name, "")
        contact.save(update_fields=["company", "email"])
        rows = list(contact.numbers.all())
        contact.numbers.filter(pk__in=[row.pk for row in rows if row.full in numbers]).delete()
        mine = [row.pk for row in rows if row.full in labelled]
        contact.numbers.filter(pk__in=mine).update(label="")
        # So that what had added it may go, too.
        Contact.objects.filter(pk=contact.pk).update(updated_at=before)
    reindex(*as_left)
    return there - len(untouched) + len(completed) - len(as_left)


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
