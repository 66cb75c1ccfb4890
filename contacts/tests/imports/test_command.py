"""import_contacts, as an operator types it."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.imports import jobs, storing
from contacts.imports.rows import BadRow, Row
from contacts.imports.storing import Tally
from contacts.models import Contact, ContactNumber, ContactToken
from contacts.selectors import contact_page
from contacts.tests.imports.test_files import FILES
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
    assert said.out == "2 added, 0 completed, 0 unchanged, 0 skipped.\n" and not said.failure
    with tenant_transaction(cast.acme.pk):
        (zoe,) = contact_page("5550123").contacts
        assert (zoe.name, zoe.company, zoe.email) == (
            "Zoë Quist",
            "Quist & Co",
            "zoe@quist.example",
        )
        assert [(n.number, n.label) for n in zoe.numbers.all()] == [
            ("+14155550123", "work"),
            ("+442079460123", "London"),
        ]
        assert [contact.name for contact in contact_page("zoe qui").contacts] == ["Zoë Quist"]
        assert Contact.objects.first().name == "Ana Lund"  # in the order of names


def test_the_same_file_twice_changes_nothing(run: Callable[..., Said], cast: Any) -> None:
    run(GOOD)
    before = contents(cast.acme)
    assert run(GOOD).out == "0 added, 0 completed, 2 unchanged, 0 skipped.\n"
    assert contents(cast.acme) == before


def test_a_dry_run_says_the_same_and_changes_nothing(run: Callable[..., Said], cast: Any) -> None:
    text = GOOD + "Zoë again,,ZOE@quist.example,+14155550199,,,\nNobody,,no address,,,,\n"
    before = contents(cast.acme)
    dry = run(text, "--dry-run")
    assert contents(cast.acme) == before
    real = run(text)
    assert contents(cast.acme) != before
    assert dry.out == f"Dry run, nothing was changed. {real.out}" and dry.errors == real.errors
    assert dry.failure == "1 row was skipped."


def test_what_a_contact_lacks_is_added_and_what_it_has_is_kept(
    run: Callable[..., Said], cast: Any
) -> None:
    # Maria of Acme has +14155550100 and a company, but no e-mail.
    said = run(
        "name,company,email,phone,phone2\nMaria,Other Ltd,m@x.example,+14155550100,2125550123\n"
    )
    assert said.out.startswith("0 added, 1 completed")
    kept = "This number belongs to “Sunrise Foods” here. The existing contact was kept."
    assert said.errors == f"line 2: {kept}\n" and not said.failure
    with tenant_transaction(cast.acme.pk):
        maria = Contact.objects.get()
        assert (maria.name, maria.company) == ("Maria of Acme", "Sunrise Foods")
        assert maria.email == "m@x.example"
        numbers = [(n.number, n.label, n.position) for n in maria.numbers.all()]
        assert numbers == [("+14155550100", "work", 0), ("+12125550123", "", 1)]
        assert [c.pk for c in contact_page("m@x").contacts] == [maria.pk]


def test_a_cell_of_several_numbers_is_several_numbers_with_their_words(
    run: Callable[..., Said], cast: Any
) -> None:
    cells = "+1 415 555 0123 (home) / 0033 1 42 68 53 00,,212-555-0123 mobile,work"
    said = run(f"name,phone,label,phone2,label2\nAda,{cells}\n")
    assert said.out.startswith("1 added") and not said.failure
    with tenant_transaction(cast.acme.pk):
        (ada,) = contact_page("ada").contacts
        assert [(n.number, n.label) for n in ada.numbers.all()] == [
            ("+14155550123", "home"),
            ("+33142685300", ""),
            ("+12125550123", "work, mobile"),
        ]


def test_two_people_with_one_switchboard_stay_two(run: Callable[..., Said], cast: Any) -> None:
    text = "name,email,phone\nA,a@b.example,+12125550111\nB,b@b.example,+12125550111\n"
    assert run(text).out.startswith("2 added")
    assert run(text).out.startswith("0 added, 0 completed, 2 unchanged")


def test_a_neighbours_contact_is_not_known_here(run: Callable[..., Said], cast: Any) -> None:
    before = contents(cast.borealis)
    assert run("name,phone\nMaria,+442079460100\n").out.startswith("1 added")
    assert contents(cast.borealis) == before


BAD = [
    ("Eve,,nobody,,,,", "“nobody” isn’t a valid email address"),
    ("Eve,,,911,,,", "Emergency numbers"),
    ("Eve,,,12,,,", "Phone “12”"),
    ("Eve,,,,,555,", "Phone2 “555”"),
    (",,eve@x.example,,,,", "Name is missing."),
    ("Eve,,eve@x.example,,,,,,x", "This row has 9 cells, but the header has 7."),
    ('Eve "x,"a" b,eve@x.example,,,,', "cannot be read"),
    (f"{'E' * 201},,eve@x.example,,,,", "Name is longer than 200"),
    (f"Eve,,,+14155550123,{'l' * 41},,", "Label is longer than 40"),
    ("Eve\0,,eve@x.example,,,,", "Some text isn’t UTF-8."),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_is_named_and_the_good_ones_are_kept(
    run: Callable[..., Said], cast: Any, row: str, reason: str
) -> None:
    said = run(GOOD + "\n" + row + "\nLast,,last@x.example,,,,\n")
    assert said.errors.startswith("line 5: ") and reason in said.errors
    assert said.errors.count("line ") == 1
    assert said.out == "3 added, 0 completed, 0 unchanged, 1 skipped.\n"
    assert said.failure == "1 row was skipped; the others are kept."


def test_a_row_of_several_lines_is_named_by_its_first(run: Callable[..., Said]) -> None:
    said = run('name,company,email\n"A","x\ny\nz",a@x.example\nB,,bad\n')
    assert said.errors.startswith("line 5: ")


@pytest.mark.parametrize("text", ["123", "*123*", "999"])
def test_what_is_short_is_skipped_as_that_and_not_as_a_call_for_help(
    run: Callable[..., Said], text: str
) -> None:
    said = run(f"name,phone\nMaria,{text}\n")
    assert "This phone number is incomplete." in said.errors
    assert "mergency" not in said.errors


def test_of_a_file_with_one_broken_letter_one_row_is_skipped(run: Callable[..., Said]) -> None:
    text = "name,email\nZoë,z@x.example\nJürgen,j@x.example\nÅsa,a@x.example\n"
    said = run(text.encode().replace("ë".encode(), b"\xeb"))
    assert "line 2: Some text isn’t UTF-8." in said.errors
    assert said.out.startswith("2 added")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "This file is empty"),
        ("email,phone\na@x.example,4155550123\n", "No column is set as name"),
        ('"name,phone\nA,4155550123\n', "cannot be read"),
    ],
)
def test_a_file_without_a_usable_header_is_skipped(
    run: Callable[..., Said], cast: Any, text: str, says: str
) -> None:
    before = contents(cast.acme)
    assert says in run(text).failure
    assert contents(cast.acme) == before


def test_unknown_columns_are_said(run: Callable[..., Said]) -> None:
    said = run("name,Shoe size,email\nA,44,a@x.example\n")
    assert "Ignored columns: Shoe size." in said.errors and said.out.startswith("1 added")


def test_an_unknown_workspace_or_file_is_one_line(cast: Any, run: Callable[..., Said]) -> None:
    assert "Known: acme, borealis" in run(GOOD, workspace="nowhere").failure
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_contacts", "acme", "/no/such/file.csv")


def test_a_file_that_names_no_columns_is_read_by_what_stands_there(
    run: Callable[..., Said],
) -> None:
    said = run("Zoë,+14155550123,x\nAnn,+14155550124,y\n")
    assert said.out == "2 added, 0 completed, 0 unchanged, 0 skipped.\n"
    assert "taken for: name, phone, Column 3" in said.errors


def test_people_who_share_a_number_are_people_of_their_own_unless_it_is_said(
    run: Callable[..., Said], cast: Any
) -> None:
    text = "name,phone\nPaul Roe,+14155550100\nMaria,+14155550100\n"
    assert run(text, "--dry-run", "--same-number-is-same-person").out.endswith(
        "0 added, 0 completed, 2 unchanged, 0 skipped.\n"
    )
    assert run(text).out == "1 added, 0 completed, 1 unchanged, 0 skipped.\n"
    assert run(text).out == "0 added, 0 completed, 2 unchanged, 0 skipped.\n"


def test_skipped_rows_come_back_as_a_file_that_can_be_mended(
    run: Callable[..., Said], cast: Any, tmp_path: Path
) -> None:
    back = tmp_path / "back.csv"
    run("name;phone;Shoe size\nAda;12;=44\nBo;4155550124;43\nCy;911;42\n", f"--skipped={back}")
    rows = list(csv.reader(io.StringIO(back.read_text("utf-8-sig"), newline="")))
    assert rows[0] == ["name", "phone", "Shoe size", "why"]
    assert [row[:3] for row in rows[1:]] == [["Ada", "12", "'=44"], ["Cy", "911", "42"]]
    assert rows[1][3] == "phone “12”: That number is too short. Check for missing digits."
    said = run(back.read_bytes().replace(b'"12"', b'"4155550123"'), f"--skipped={back}")
    assert said.out == "1 added, 0 completed, 0 unchanged, 1 skipped.\n"
    rows = list(csv.reader(io.StringIO(back.read_text("utf-8-sig"), newline="")))
    assert [row[0] for row in rows] == ["name", "Cy"] and rows[0].count("why") == 1


@pytest.mark.parametrize("file", sorted(FILES.iterdir()), ids=lambda file: file.name)
def test_files_as_people_have_them_come_in(run: Callable[..., Said], cast: Any, file: Path) -> None:
    cast.acme.country = {"excel-de.csv": "DE", "excel-fr.txt": "FR"}.get(file.name, "US")
    cast.acme.save()
    assert re.match("[1-9] added", run(file.read_bytes()).out)
    assert run(file.read_bytes()).out.startswith("0 added, 0 completed")


@pytest.fixture
def small_batches(monkeypatch: Any) -> None:
    monkeypatch.setattr("contacts.imports.reading.PART", 2)


def many(count: int, start: int = 0) -> list[Row | BadRow]:
    return [
        Row(n, f"Person {n}", "", f"p{n}@x.example", ((f"+1415{2000000 + n}", ""),))
        for n in range(start, start + count)
    ]


def store(tenant: Any, rows: Iterable[Row | BadRow], *, is_lenient: bool = False) -> Tally:
    """In parts of two rows."""
    tally, source = Tally(), iter(rows)
    while part := list(islice(source, 2)):
        with tenant_transaction(tenant.pk):
            storing.store(tenant, part, tally, same_number_is_same_person=is_lenient)
    return tally


def test_long_files_say_how_far_they_are(
    run: Callable[..., Said], small_batches: None, monkeypatch: Any
) -> None:
    monkeypatch.setattr("contacts.management.commands.import_contacts.PROGRESS_ROWS", 2)
    monkeypatch.setattr(jobs, "AT_A_TIME", -1.0)
    said = run("name,email\n" + "".join(f"A,a{n}@x.example\n" for n in range(4)))
    # The first part has one row less, as the header was in it.
    assert re.findall(r"(\d) rows …", said.errors) == ["3"]


def test_a_part_costs_few_queries_however_many_rows_it_has(cast: Any) -> None:
    def cost(rows: list[Row | BadRow]) -> int:
        with CaptureQueriesContext(connection) as queries, tenant_transaction(cast.acme.pk):
            storing.store(cast.acme, rows, Tally(), same_number_is_same_person=False)
        return len(queries)

    cost(many(40))
    assert cost(many(160)) <= 30  # 13 on PostgreSQL; SQLite takes fewer values at a time
    completing = [replace(row, company="X") for row in many(160) if isinstance(row, Row)]
    assert cost(list(completing)) <= 30


PEOPLE = st.builds(
    Row,
    line=st.just(2),
    name=st.sampled_from(["A", "B", "A B", "b, a", "🦊"]),
    company=st.sampled_from(["", "X", "Y"]),
    email=st.sampled_from(["", "a@x.example", "A@x.example", "b@x.example"]),
    numbers=st.lists(
        st.sampled_from(["+14155550101", "+14155550102", "+14155550103"]), unique=True, max_size=3
    ).map(lambda found: tuple((number, "") for number in found)),
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(PEOPLE, max_size=8), is_lenient=st.booleans())
def test_any_file_a_second_time_changes_nothing(
    cast: Any, rows: list[Row], is_lenient: bool
) -> None:
    store(cast.acme, rows, is_lenient=is_lenient)
    before = contents(cast.acme)
    again = store(cast.acme, rows, is_lenient=is_lenient)
    assert (again.added, again.completed) == (0, 0)
    assert contents(cast.acme) == before


def test_a_contact_has_so_many_numbers_and_no_more(run: Callable[..., Said], cast: Any) -> None:
    """Each is parsed, and each phone column of a thousand rows can hold one."""
    columns = [f"phone{n}" for n in range(1, 41)]
    head = ",".join(["name", "email", *columns])

    def row(name: str, numbers: range) -> str:
        cells = [f"+1415555{n:04}" for n in numbers]
        return ",".join([name, f"{name}@x.example", *cells, *[""] * (40 - len(cells))])

    said = run("\n".join([head, row("many", range(21)), row("some", range(20))]))
    assert said.out.startswith("1 added, 0 completed, 0 unchanged, 1 skipped")
    assert "line 2: A contact has at most 20 numbers" in said.errors
    said = run("\n".join([head, row("some", range(5)), row("some", range(19, 21))]))
    assert said.out.startswith("0 added, 0 completed, 1 unchanged, 1 skipped")
    assert "line 3: A contact has at most 20 numbers" in said.errors


def test_a_contact_is_known_again_by_letters_that_a_database_does_not_fold(
    run: Callable[..., Said], cast: Any
) -> None:
    run("name,email,company\nJörg,info@MÜLLER.example,\n")
    said = run("name,email,company\nJörg,INFO@müller.example,Müller\n")
    assert said.out.startswith("0 added, 1 completed")
