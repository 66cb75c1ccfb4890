"""import_contacts, as an operator types it."""

import gc
import io
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.imports import storing
from contacts.imports.rows import BadRow, ContactFile, Row
from contacts.imports.storing import import_contacts
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.selectors import suggest
from tenants.fence.context import tenant_transaction


@dataclass
class Said:
    out: str
    errors: str
    failure: str


@pytest.fixture
def run(cast: Any, tmp_path: Path) -> Callable[..., Said]:
    """`run("name,phone\\n…")`: import this text into Acme."""

    def run_it(content: str | bytes, *options: str, workspace: str = "acme") -> Said:
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, errors, failure = io.StringIO(), io.StringIO(), ""
        try:
            call_command(
                "import_contacts", workspace, str(path), *options, stdout=out, stderr=errors
            )
        except CommandError as error:
            failure = str(error)
        return Said(out.getvalue(), errors.getvalue(), failure)

    return run_it


def contents(tenant: Any) -> list[tuple[Any, ...]]:
    """Everything that is stored of the tenant's contacts."""
    with tenant_transaction(tenant.pk):
        contacts = list(
            Contact.objects.order_by("pk").values_list(
                "pk", "name", "company", "email", "sort_name"
            )
        )
        numbers = list(
            ContactNumber.objects.order_by("pk").values_list(
                "pk", "contact_id", "number", "label", "position"
            )
        )
        tokens = sorted(ContactToken.objects.values_list("contact_id", "token"))
    return [*contacts, *numbers, *tokens]


GOOD = (
    "Name,Company,E-Mail,Phone,Label,Phone2,Label2\n"
    "Zoë Quist,Quist & Co,zoe@quist.example,(415) 555-0123,work,+44 20 7946 0123,London\n"
    "Ana Lund,,ana@lund.example,,,,\n"
)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    ],
    ids=["commas", "BOM", "semicolons", "Excel"],
)
def test_a_file_becomes_contacts_that_are_found(
    run: Callable[..., Said], cast: Any, encode: Callable[[str], bytes]
) -> None:
    said = run(encode(GOOD))
    assert said.out == "2 created, 0 completed, 0 unchanged, 0 refused.\n" and not said.failure
    with tenant_transaction(cast.acme.pk):
        (zoe,) = suggest("5550123")
        assert (zoe.name, zoe.company, zoe.email) == (
            "Zoë Quist",
            "Quist & Co",
            "zoe@quist.example",
        )
        assert [(n.number, n.label) for n in zoe.numbers.all()] == [
            ("+14155550123", "work"),
            ("+442079460123", "London"),
        ]
        assert [contact.name for contact in suggest("zoe qui")] == ["Zoë Quist"]
        assert Contact.objects.first().name == "Ana Lund"  # in the order of names


def test_the_same_file_twice_changes_nothing(run: Callable[..., Said], cast: Any) -> None:
    run(GOOD)
    before = contents(cast.acme)
    assert run(GOOD).out == "0 created, 0 completed, 2 unchanged, 0 refused.\n"
    assert contents(cast.acme) == before


def test_a_dry_run_says_the_same_and_changes_nothing(run: Callable[..., Said], cast: Any) -> None:
    text = GOOD + "Zoë again,,ZOE@quist.example,+14155550199,,,\nNobody,,,,,,\n"
    before = contents(cast.acme)
    dry = run(text, "--dry-run")
    assert contents(cast.acme) == before
    real = run(text)
    assert contents(cast.acme) != before
    assert dry.out == f"Dry run, nothing was changed. {real.out}" and dry.errors == real.errors
    assert dry.failure == "1 row was refused."


def test_what_a_contact_lacks_is_added_and_what_it_has_is_kept(
    run: Callable[..., Said], cast: Any
) -> None:
    # Maria of Acme has +14155550100 and a company, but no e-mail.
    said = run(
        "name,company,email,phone,phone2\nM.,Other Ltd,m@x.example,+14155550100,2125550123\n"
    )
    assert said.out.startswith("0 created, 1 completed")
    with tenant_transaction(cast.acme.pk):
        maria = Contact.objects.get()
        assert (maria.name, maria.company) == ("Maria of Acme", "Sunrise Foods")
        assert maria.email == "m@x.example"
        numbers = [(n.number, n.label, n.position) for n in maria.numbers.all()]
        assert numbers == [("+14155550100", "work", 0), ("+12125550123", "", 1)]
        assert [c.pk for c in suggest("m@x")] == [maria.pk]


def test_a_cell_of_several_numbers_is_several_numbers_with_their_words(
    run: Callable[..., Said], cast: Any
) -> None:
    cells = "+1 415 555 0123 (home) / 0033 1 42 68 53 00,,212-555-0123 mobile,work"
    said = run(f"name,phone,label,phone2,label2\nAda,{cells}\n")
    assert said.out.startswith("1 created") and not said.failure
    with tenant_transaction(cast.acme.pk):
        (ada,) = suggest("ada")
        assert [(n.number, n.label) for n in ada.numbers.all()] == [
            ("+14155550123", "home"),
            ("+33142685300", ""),
            ("+12125550123", "work"),  # the column's own word counts
        ]


def test_two_people_with_one_switchboard_stay_two(run: Callable[..., Said], cast: Any) -> None:
    text = "name,email,phone\nA,a@b.example,+12125550111\nB,b@b.example,+12125550111\n"
    assert run(text).out.startswith("2 created")
    assert run(text).out.startswith("0 created, 0 completed, 2 unchanged")


def test_a_neighbours_contact_is_not_known_here(run: Callable[..., Said], cast: Any) -> None:
    before = contents(cast.borealis)
    assert run("name,phone\nMaria,+442079460100\n").out.startswith("1 created")
    assert contents(cast.borealis) == before


BAD = [
    ("Eve,,nobody,,,,", "email “nobody” is not an address"),
    ("Eve,,,911,,,", "Emergency numbers"),
    ("Eve,,,12,,,", "Phone “12”"),
    ("Eve,,,,,555,", "Phone2 “555”"),
    (",,eve@x.example,,,,", "no name"),
    ("Eve,,,,,,", "needs an email or a phone"),
    ("Eve,,eve@x.example,,,,,,x", "9 cells, the header 7"),
    ('Eve "x,"a" b,eve@x.example,,,,', "cannot be read"),
    (f"{'E' * 201},,eve@x.example,,,,", "Name is longer than 200"),
    (f"Eve,,,+14155550123,{'l' * 41},,", "Label is longer than 40"),
    ("Eve\0,,eve@x.example,,,,", "not text"),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_is_named_and_the_good_ones_are_kept(
    run: Callable[..., Said], cast: Any, row: str, reason: str
) -> None:
    said = run(GOOD + "\n" + row + "\nLast,,last@x.example,,,,\n")
    assert said.errors.startswith("line 5: ") and reason in said.errors
    assert said.errors.count("line ") == 1
    assert said.out == "3 created, 0 completed, 0 unchanged, 1 refused.\n"
    assert said.failure == "1 row was refused; the others are kept."


def test_a_row_of_several_lines_is_named_by_its_first(run: Callable[..., Said]) -> None:
    said = run('name,company,email\n"A","x\ny\nz",a@x.example\nB,,bad\n')
    assert said.errors.startswith("line 5: ")


@pytest.mark.parametrize("text", ["123", "*123*", "999"])
def test_what_is_short_is_refused_as_that_and_not_as_a_call_for_help(
    run: Callable[..., Said], text: str
) -> None:
    said = run(f"name,phone\nMaria,{text}\n")
    assert "This is no complete telephone number." in said.errors
    assert "mergency" not in said.errors


def test_of_a_file_with_one_broken_letter_one_row_is_refused(run: Callable[..., Said]) -> None:
    text = "name,email\nZoë,z@x.example\nJürgen,j@x.example\nÅsa,a@x.example\n"
    said = run(text.encode().replace("ë".encode(), b"\xeb"))
    assert "line 2: It holds bytes that are not text" in said.errors
    assert said.out.startswith("2 created")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must name the columns"),
        ("email,phone\na@x.example,4155550123\n", "must name the columns"),
        ("Zoë,+14155550123\nAnn,+14155550124\n", "must name the columns"),
        ('"name,phone\nA,4155550123\n', "cannot be read"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(
    run: Callable[..., Said], cast: Any, text: str, says: str
) -> None:
    before = contents(cast.acme)
    assert says in run(text).failure
    assert contents(cast.acme) == before


def test_unknown_columns_are_said(run: Callable[..., Said]) -> None:
    said = run("name,Shoe size,email\nA,44,a@x.example\n")
    assert "left out: Shoe size." in said.errors and said.out.startswith("1 created")


def test_an_unknown_workspace_or_file_is_one_line(cast: Any, run: Callable[..., Said]) -> None:
    assert "Known: acme, borealis" in run(GOOD, workspace="nowhere").failure
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_contacts", "acme", "/no/such/file.csv")


@pytest.fixture
def small_batches(monkeypatch: Any) -> None:
    monkeypatch.setattr(storing, "BATCH", 2)


def many(count: int, start: int = 0) -> Iterator[Row]:
    for n in range(start, start + count):
        yield Row(n, f"Person {n}", "", f"p{n}@x.example", ((f"+1415{2000000 + n}", ""),))


def test_long_files_need_no_more_memory_than_short_ones(cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(storing, "BATCH", 25)
    held: dict[int, int] = {}

    def measure(tally: Any) -> None:
        if tally.rows in (100, 500):
            gc.collect()
            held[tally.rows] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    import_contacts(cast.acme, many(500), refuse=print, progress=measure)
    tracemalloc.stop()
    # Bytes; a row kept in any form would need more. Python's own caches grow by some 30 kB.
    a_row = 250
    assert held[500] - held[100] < a_row * 400


def test_long_files_say_how_far_they_are(cast: Any, small_batches: None) -> None:
    told: list[int] = []
    import_contacts(
        cast.acme, many(5), refuse=print, progress=lambda tally: told.append(tally.rows)
    )
    assert told == [2, 4, 5]


def test_a_batch_costs_few_queries_however_many_rows_it_has(cast: Any) -> None:
    def cost(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            import_contacts(cast.acme, many(count), refuse=print)
        return len(queries)

    cost(40)
    assert cost(160) <= 30  # 11 on PostgreSQL; SQLite takes fewer values at a time


PEOPLE = st.builds(
    Row,
    line=st.just(2),
    name=st.sampled_from(["A", "B"]),
    company=st.sampled_from(["", "X", "Y"]),
    email=st.sampled_from(["", "a@x.example", "A@x.example", "b@x.example"]),
    numbers=st.lists(
        st.sampled_from(["+14155550101", "+14155550102", "+14155550103"]), unique=True, max_size=3
    ).map(lambda found: tuple((number, "") for number in found)),
).filter(lambda row: row.email or row.numbers)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(PEOPLE, max_size=8))
def test_any_file_a_second_time_changes_nothing(
    cast: Any, small_batches: None, rows: list[Row]
) -> None:
    import_contacts(cast.acme, rows, refuse=print)
    before = contents(cast.acme)
    again = import_contacts(cast.acme, rows, refuse=print)
    assert (again.created, again.completed) == (0, 0)
    assert contents(cast.acme) == before


def test_reading_is_lazy() -> None:
    def endless() -> Iterator[str]:
        yield "name,email\n"
        while True:
            yield "A,a@x.example\n"
            yield "A,bad\n"

    rows = iter(ContactFile(endless(), "US"))
    assert isinstance(next(rows), Row) and isinstance(next(rows), BadRow)


def test_a_contact_has_so_many_numbers_and_no_more(run: Callable[..., Said], cast: Any) -> None:
    """Each is parsed, and each phone column of a thousand rows can hold one."""
    columns = [f"phone{n}" for n in range(1, 41)]
    head = ",".join(["name", "email", *columns])

    def row(name: str, numbers: range) -> str:
        cells = [f"+1415555{n:04}" for n in numbers]
        return ",".join([name, f"{name}@x.example", *cells, *[""] * (40 - len(cells))])

    said = run("\n".join([head, row("many", range(21)), row("some", range(20))]))
    assert said.out.startswith("1 created, 0 completed, 0 unchanged, 1 refused")
    assert "line 2: A contact has at most 20 numbers" in said.errors
    said = run("\n".join([head, row("some", range(5)), row("some", range(19, 21))]))
    assert said.out.startswith("0 created, 0 completed, 1 unchanged, 1 refused")
    assert "line 3: A contact has at most 20 numbers" in said.errors


def test_a_contact_is_known_again_by_letters_that_a_database_does_not_fold(
    run: Callable[..., Said], cast: Any
) -> None:
    run("name,email,company\nJörg,info@MÜLLER.example,\n")
    said = run("name,email,company\nJörg,INFO@müller.example,Müller\n")
    assert said.out.startswith("0 created, 1 completed")
