"""Who a row is, and that nothing of it is lost."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import search
from contacts.imports.matching import MOST_NEAR, Became, Book, Known
from contacts.imports.rows import Row

A, B = "+14155550101", "+14155550102"


def row(name: str, *numbers: str, company: str = "", email: str = "") -> Row:
    return Row(2, name, company, email, tuple((number, "") for number in numbers))


def known(name: str, *numbers: str, company: str = "", email: str = "") -> Known:
    return Known(uuid4(), name, company, email, dict.fromkeys(numbers, ""))


def became(contacts: Sequence[Known], *rows: Row, is_lenient: bool = False) -> list[str]:
    book = Book(same_number_is_same_person=is_lenient)
    book.enter(contacts)
    return [str(book.place(one).became) for one in rows]


ADDED, COMPLETED, UNCHANGED, SKIPPED = map(str, Became)
MARIA = ("Maria Lopez", A)


@pytest.mark.parametrize(
    ("contact", "given", "strictly", "leniently"),
    [
        (known(*MARIA), row(*MARIA), UNCHANGED, UNCHANGED),
        (known(*MARIA), row("Lopez, Maria", A), UNCHANGED, UNCHANGED),
        (known(*MARIA), row("MARIA", A), UNCHANGED, UNCHANGED),
        (known(*MARIA), row("Maria", B), ADDED, ADDED),
        (known(*MARIA), row("Maria", A, B), COMPLETED, COMPLETED),
        (known(*MARIA), row("Paul Roe", A), ADDED, UNCHANGED),
        (known(*MARIA), row("Paul Roe", A, B), ADDED, COMPLETED),
        (known(*MARIA), row("Maria Lopez Roe", A), ADDED, UNCHANGED),
        (known(*MARIA), row("Maria", A, email="m@x.example"), COMPLETED, COMPLETED),
        (known(*MARIA, email="m@x.example"), row("Maria", A, email="o@x.example"), ADDED, ADDED),
        (known(*MARIA, email="m@x.example"), row("Paul", email="M@x.example"), SKIPPED, UNCHANGED),
        (known(*MARIA, company="X"), row("Maria", A, company="Y"), SKIPPED, SKIPPED),
        (known(*MARIA, company="X"), row("Maria", A, B, company="Y"), COMPLETED, COMPLETED),
        (known(*MARIA, company="X"), row("Maria  Lopez"), UNCHANGED, UNCHANGED),
        (known(*MARIA, company="X"), row("maria lopez", company="x"), UNCHANGED, UNCHANGED),
        (known(*MARIA, company="X"), row("Maria Lopez", company="Y"), ADDED, ADDED),
        (known(*MARIA), row("Maria"), ADDED, ADDED),
        (known("🦊", A), row("🦊", A), UNCHANGED, UNCHANGED),
        (known("🦊", A), row("🦝", A), ADDED, UNCHANGED),
    ],
)
def test_a_row_is_somebody_known_or_somebody_new(
    contact: Known, given: Row, strictly: str, leniently: str
) -> None:
    for is_lenient, expected in ((False, strictly), (True, leniently)):
        fresh = known(contact.name, *contact.numbers, company=contact.company, email=contact.email)
        assert became([fresh], given, is_lenient=is_lenient) == [expected]


def test_whose_number_somebody_of_another_name_has_is_said() -> None:
    book = Book(same_number_is_same_person=False)
    book.enter([maria := known(*MARIA)])
    assert book.place(row("Paul", A)).shares is maria
    assert book.place(row("Paul", A)).shares is None  # he is known by now


def test_everybody_behind_a_switchboard_is_known_again() -> None:
    people = [row(f"Person {n}", A) for n in range(2 * MOST_NEAR)]
    assert became([], *people, *people) == [ADDED] * len(people) + [UNCHANGED] * len(people)


ROWS = st.builds(
    Row,
    line=st.just(2),
    name=st.sampled_from(["A", "B", "A B", "b, a", "🦊"]),
    company=st.sampled_from(["", "X", "Y"]),
    email=st.sampled_from(["", "a@x.example", "A@x.example", "b@x.example"]),
    numbers=st.lists(st.sampled_from([A, B]), unique=True).map(
        lambda found: tuple((number, "") for number in found)
    ),
)


@given(st.lists(ROWS, max_size=12))
def test_what_a_row_says_is_with_its_contact_or_told_of(rows: list[Row]) -> None:
    book = Book(same_number_is_same_person=False)
    for one in rows:
        placed = book.place(one)
        contact = placed.known
        if placed.reason:
            assert placed.became in (Became.COMPLETED, Became.SKIPPED)
            continue
        assert contact is not None and placed.became != Became.SKIPPED
        said, here = (
            set(search.words(search.normalise(name))) for name in (one.name, contact.name)
        )
        assert said <= here
        assert one.company in ("", contact.company)
        assert one.email.lower() in ("", contact.email.lower())
        assert contact.numbers.keys() >= dict(one.numbers).keys()
