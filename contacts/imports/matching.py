"""Who a row is: somebody new, or one of those that are known, and what it adds to them. Pure.

A row is a contact that is known already when the e-mail is the same, or when a number is, one of
both has no e-mail, and the row says no other name: a switchboard or a family has one number and is
several people. A row with neither is somebody of the same name and company. Nothing that a contact
has is overwritten, what it lacks is added; so the same row a second time adds nothing, whatever
came between.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from contacts import search
from contacts.imports.rows import Row
from contacts.numbers import MOST_NUMBERS, TOO_MANY_NUMBERS, Number

# A switchboard's number is of ten thousand people: each is known by the whole name, and only of so
# many it is asked whether a part of it is meant.
MOST_NEAR = 100


class Became(StrEnum):
    """What becomes of a row. *Unchanged* adds nothing, as the contact says all of it."""

    ADDED = "added"
    COMPLETED = "completed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass
class Known:
    """A contact, stored or of a row before; `numbers` are labels by the `Number` as text. What this
    file has added to it stands in `added`: its fields by name, new numbers and labels of old ones.
    `since` puts those that are stored in their order.
    """

    id: UUID
    name: str
    company: str = ""
    email: str = ""
    numbers: dict[str, str] = field(default_factory=dict)
    since: tuple[Any, ...] = ()
    is_new: bool = False
    place: int = 0  # among those that are new
    added: dict[str, str] = field(default_factory=dict)
    added_numbers: dict[str, str] = field(default_factory=dict)
    added_labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.added_numbers or self.added_labels)

    @cached_property
    def called(self) -> "_Name":
        return _Name(self.name)

    def lacks(self, row: Row) -> bool:
        return (
            bool(row.company and not self.company)
            or bool(row.email and not self.email)
            or any(
                number not in self.numbers or bool(label and not self.numbers[number])
                for number, label in row.numbers
            )
        )

    def has_room_for(self, row: Row) -> bool:
        return len(self.numbers.keys() | dict(row.numbers)) <= MOST_NUMBERS

    def contradiction(self, row: Row, *, of_name: bool) -> str:
        """What the row says otherwise and is not taken from it."""
        other = []
        if of_name and not self.called.says(_Name(row.name)):
            other.append(f"“{self.name}”")
        if self.company and row.company and _folded(self.company) != _folded(row.company):
            other.append(f"“{self.company}”")
        return f"belongs to {' at '.join(other)} here" if other else ""

    def complete(self, row: Row) -> None:
        for name in ("company", "email"):
            if (said := getattr(row, name)) and not getattr(self, name):
                setattr(self, name, said)
                self.added[name] = said
        for number, label in row.numbers:
            if number not in self.numbers or number in self.added_numbers:
                self.added_numbers[number] = self.added_numbers.get(number) or label
            elif label and not self.numbers[number]:
                self.added_labels[number] = label
            self.numbers[number] = self.numbers.get(number) or label


class Placed(NamedTuple):
    """`reason` says why it was skipped, or what of it was not taken; `shares` is a contact of
    another name that has one of its numbers.
    """

    became: Became
    known: Known | None = None
    reason: str = ""
    shares: Known | None = None


class Book:
    """All who may be meant: those that are stored and those that rows before have made."""

    def __init__(self, *, same_number_is_same_person: bool) -> None:
        self._is_lenient = same_number_is_same_person
        self._known: dict[UUID, Known] = {}
        # Each in the order in which they were entered.
        self._by_email: dict[str, dict[UUID, Known]] = {}
        self._by_number: dict[str, dict[UUID, Known]] = {}
        self._by_name: dict[tuple[str, str], dict[UUID, Known]] = {}  # by number, or "", and name

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def enter(self, contacts: Iterable[Known]) -> None:
        """Add those that are stored, the oldest first; of one that is there already what the book
        says counts.
        """
        for known in contacts:
            if known.id not in self._known:
                self._known[known.id] = known
                self._file(known)

    def place(self, row: Row) -> Placed:
        """Say what becomes of the row, and note it for the rows to come."""
        if not row.email and not row.numbers:
            return self._place_by_name(row)
        same, others = self._candidates(row)
        for one in same:
            if not one.lacks(row):
                return self._nothing_added(row, same)
        shares = next(iter(others), None)
        if not same:
            return Placed(Became.ADDED, self._add(row), shares=shares)
        one = same[0]
        if not one.has_room_for(row):
            return Placed(Became.SKIPPED, one, TOO_MANY_NUMBERS)
        # Before it is completed: a company that it lacks contradicts nothing.
        reason = self._contradiction(one, row)
        self._complete(one, row)
        return Placed(Became.COMPLETED, one, reason)

    def _add(self, row: Row) -> Known:
        known = Known(uuid4(), row.name, is_new=True, place=len(self._known))
        self._known[known.id] = known
        self._complete(known, row)
        return known

    def _place_by_name(self, row: Row) -> Placed:
        namesakes = self._by_name.get(("", _folded(row.name)), {}).values()
        for one in namesakes:
            if not row.company or _folded(row.company) == _folded(one.company):
                return Placed(Became.UNCHANGED, one)
        return Placed(Became.ADDED, self._add(row))

    def _nothing_added(self, row: Row, same: list[Known]) -> Placed:
        reasons = [(self._contradiction(one, row), one) for one in same if not one.lacks(row)]
        for reason, one in reasons:
            if not reason:
                return Placed(Became.UNCHANGED, one)
        reason, one = reasons[0]
        return Placed(Became.SKIPPED, one, reason)

    def _contradiction(self, one: Known, row: Row) -> str:
        said = one.contradiction(row, of_name=not self._is_lenient)
        by = row.email if row.email and row.email.lower() == one.email.lower() else ""
        return f"{by or 'This number'} {said}. The existing contact was kept." if said else ""

    def _candidates(self, row: Row) -> tuple[list[Known], list[Known]]:
        """(those that the row is, the oldest first; those of another name with its number)."""
        if row.email and (same := self._by_email.get(row.email.lower())):
            return self._in_order(same), []
        name, same, others = _Name(row.name), dict[UUID, Known](), dict[UUID, Known]()
        for number in {Number.of(full).number: None for full, _ in row.numbers}:
            exactly = self._by_name.get((number, name.folded), {})
            near = islice(self._by_number.get(number, {}).values(), MOST_NEAR)
            for one in (*exactly.values(), *near):
                if not (row.email and one.email):  # two addresses are two people
                    (same if one.called.says(name) else others)[one.id] = one
        first, second = self._in_order(same), self._in_order(others)
        return ([*first, *second], []) if self._is_lenient else (first, second)

    def _in_order(self, found: dict[UUID, Known]) -> list[Known]:
        """The oldest first, as they will be once they are stored: a look at the first rows of a
        file sees the same as its parts, one after the other.
        """
        return sorted(found.values(), key=lambda one: (one.is_new, one.since, one.place))

    def _complete(self, known: Known, row: Row) -> None:
        known.complete(row)
        self._file(known)

    def _file(self, known: Known) -> None:
        if known.email:
            self._by_email.setdefault(known.email.lower(), {})[known.id] = known
        self._by_name.setdefault(("", known.called.folded), {})[known.id] = known
        for number in {Number.of(full).number for full in known.numbers}:
            self._by_number.setdefault(number, {})[known.id] = known
            self._by_name.setdefault((number, known.called.folded), {})[known.id] = known


class _Name:
    def __init__(self, name: str) -> None:
        self.folded = _folded(name)
        self.words = frozenset(search.words(self.folded))

    def says(self, other: "_Name") -> bool:
        """Whether every word of the other is one of it."""
        return self.folded == other.folded or bool(other.words) and other.words <= self.words


def _folded(text: str) -> str:
    return " ".join(search.normalise(text).split())
