"""Files as people have them: of other programs, in their columns, separators and encodings."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.imports.columns import Means, columns, guessed, is_header, mapped
from contacts.imports.decoding import encoding_of
from contacts.imports.rows import BadRow, Row, RowReader
from contacts.imports.sources import Source
from contacts.imports.tables import BadFile, Cells

FILES = Path(__file__).parents[1] / "files"
ADA = ("Ada Fictum", "Fictum & Daughters", "ada@fictum.example")
A_MOBILE = ("+14155550123", "")


def read_by(data: bytes, region: str) -> tuple[RowReader, list[Row | BadRow]]:
    """(the reader of its columns as they are guessed, what each of its rows says)."""
    source = Source(io.BytesIO(data), region)
    rows = list(source)
    if not rows:
        raise BadFile("no rows")
    names = source.names or rows.pop(0).texts
    reader = RowReader(columns(names), region)
    return reader, [reader.read(cells) for cells in rows]


def read(data: bytes, region: str) -> list[Row | BadRow]:
    return read_by(data, region)[1]


@pytest.mark.parametrize(
    ("file", "region", "people"),
    [
        (
            "google.csv",
            "US",
            [
                (
                    *ADA,
                    ("+14155550123", "Mobile"),
                    ("+442079460123", "Work"),
                    ("+442079460124", "Work"),
                ),
                ("Quist Ltd", "Quist Ltd", "office@quist.example", ("+33142685300", "Main")),
            ],
        ),
        ("google-2015.csv", "DE", [("Ada M. Fictum", *ADA[1:], ("+14155550123", "Mobile"))]),
        (
            "outlook.csv",
            "US",
            [
                (
                    "Zoë Quist",
                    "Quist – Söhne",
                    "zoe@quist.example",
                    ("+14155550123", "Business"),
                    ("+12125550124", "Mobile"),
                )
            ],
        ),
        ("hubspot.csv", "DE", [(*ADA, A_MOBILE)]),
        ("salesforce.csv", "US", [(*ADA, A_MOBILE, ("+14155550124", "Mobile"))]),
        ("pipedrive.csv", "US", [(*ADA, ("+14155550123", "Work"), ("+14155550124", "Work"))]),
        (
            "excel-de.csv",
            "DE",
            [
                (
                    "Jürgen Übel",
                    "Übel & Söhne",
                    "juergen@uebel.example",
                    ("+493023125010", ""),
                    ("+491711234567", "Handy"),
                )
            ],
        ),
        (
            "excel-fr.txt",
            "FR",
            [("Zoé Étienne", "Œuvre SARL", "zoe@oeuvre.example", ("+33612345678", "Portable"))],
        ),
        ("ours.csv", "FR", [(*ADA, ("+14155550123", "mobile"), ("+442079460123", "London"))]),
    ],
)
def test_a_file_is_read_as_it_comes(
    file: str, region: str, people: list[tuple[object, ...]]
) -> None:
    rows = read((FILES / file).read_bytes(), region)
    found = [(r.name, r.company, r.email, *r.numbers) for r in rows if isinstance(r, Row)]
    assert found == people and len(rows) == len(people)


@pytest.mark.parametrize(
    ("names", "means"),
    [
        (["Name"], [Means.NAME]),
        (["FULL_NAME", "E-Mail"], [Means.NAME, Means.EMAIL]),
        (["Nombre", "Apellidos"], [Means.FIRST, Means.LAST]),
        (["Name", "Surname"], [Means.FIRST, Means.LAST]),
        (["Vorname", "Name"], [Means.FIRST, Means.LAST]),
        (["Name", "First name", "Last name"], [Means.NAME, Means.FIRST, Means.LAST]),
        (["Organization 1 - Name", "Title"], [Means.COMPANY, Means.NOTHING]),
        (["Phone", "Phone", "Fax", "Pager"], [Means.PHONE] * 2 + [Means.NOTHING] * 2),
        (["Assistant's Phone", "Company Main Phone"], [Means.NOTHING, Means.PHONE]),
        (["E-mail Type", "E-mail 2 Address"], [Means.NOTHING, Means.EMAIL]),
        (["姓名", "电话", "邮箱"], [Means.NAME, Means.PHONE, Means.EMAIL]),
        (["名前", "電話", "メールアドレス"], [Means.NAME, Means.PHONE, Means.EMAIL]),
        (["ФИО", "Телефон", "Электронная почта"], [Means.NAME, Means.PHONE, Means.EMAIL]),
        (["", "Notes", "Smartphone case"], [Means.NOTHING] * 3),
        (["Mobile phone consent", "Phone calls", "Last phone contact"], [Means.NOTHING] * 3),
        (["Calculated Phone Number Region"], [Means.NOTHING]),
        (["First name", "Full name"], [Means.FIRST, Means.NAME]),
    ],
)
def test_columns_are_known_by_their_names(names: list[str], means: list[Means]) -> None:
    assert [column.means for column in columns(names)] == means


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@given(text=st.text(st.characters(max_codepoint=0x2000, exclude_characters="\0\ufeff")))
def test_text_in_a_unicode_encoding_is_read_as_it_was(encoding: str, text: str) -> None:
    data = f"name,phone,email,company\r\n{text}".encode(encoding)
    assert data.decode(encoding_of([data], "US")).endswith(f"company\r\n{text}")


@given(st.lists(st.sampled_from("äöüßéèñçÄÖÜ aeiounr"), min_size=1))
def test_windows_1252_is_read_as_it_was(letters: list[str]) -> None:
    text = f"name\nM{'r'.join(letters)}r\n"  # an ordinary letter between: as in words
    data = text.encode("cp1252")
    assert data.decode(encoding_of([data], "DE")) == text


def test_a_chunk_may_end_inside_a_letter() -> None:
    data = "naïve, Zoë, Łukasz, 李".encode()
    for size in range(1, 8):
        chunks = [data[begin : begin + size] for begin in range(0, len(data), size)]
        assert encoding_of(chunks, "US") == "utf-8"


@pytest.mark.parametrize(
    ("region", "page", "name"),
    [
        ("PL", "cp1250", "Łukasz Wiśniewski"),
        ("RU", "cp1251", "Фёдор Щукин"),
        ("GR", "cp1253", "Νίκος"),
        ("TR", "cp1254", "İbrahim Yıldız"),
        ("JP", "cp932", "山田 太郎"),
        ("CN", "gbk", "李小明"),
        ("DE", "cp1252", "Jürgen Groß"),
    ],
)
def test_what_is_no_unicode_is_what_the_country_writes(region: str, page: str, name: str) -> None:
    (row,) = read(f"name,email\n{name},a@x.example\n".encode(page), region)
    assert isinstance(row, Row) and row.name == name


@given(st.text(), st.sampled_from(["US", "DE"]))
def test_any_text_is_read_or_refused(text: str, region: str) -> None:
    for head in ("", "name,phone,phone,email\n", "BEGIN:VCARD\n"):
        try:
            rows = read((head + text).encode(errors="replace"), region)
        except BadFile:
            continue
        assert all(isinstance(row, Row | BadRow) for row in rows)


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)] * 2),
        min_size=1,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)
def test_rows_are_the_same_with_every_separator(
    people: list[tuple[str, str]], separator: str, is_said: bool
) -> None:
    out = io.StringIO()
    if is_said:
        out.write(f"sep={separator}\r\n")
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["Last Name", "First Name", "E-mail"])
    writer.writerows((f"a{last}", f"b{first}", "a@x.example") for last, first in people)
    rows = read(out.getvalue().encode(), "US")
    names = [row.name for row in rows if isinstance(row, Row)]
    assert names == [f"b{first} a{last}" for last, first in people]
    assert [row.line for row in rows] == [n + 2 + is_said for n in range(len(people))]


def test_a_cell_of_any_length_is_read_in_no_time() -> None:
    for cell in ("x" * 100_000, "1" * 100_000, "a1" * 50_000, "1/" * 50_000, "(" * 100_000):
        (row,) = read(f"name,phone\nA,{cell}\n".encode(), "US")
        assert isinstance(row, BadRow)


@pytest.mark.parametrize(
    "header",
    [
        "name," + "x" * 200_000,
        ",".join(["name"] * 502),
        ";".join(["name"] * 502),
        "name" + "," * 120_000,
    ],
)
def test_no_first_line_is_too_much(header: str) -> None:
    with pytest.raises(BadFile):
        read(f"{header}\nA,a@x.example\n".encode(), "US")


def test_nothing_that_a_row_says_is_left_out_without_a_word() -> None:
    reader, (row,) = read_by(
        b"name,mobile,label,email,email 2,company,organisation\n"
        b"A,4155550123,only evenings,a@x.example,,X,\n",
        "US",
    )
    assert isinstance(row, Row) and row.numbers == (("+14155550123", "only evenings"),)
    assert reader.unused == [
        "email 2 (where there is another)",
        "organisation (where there is another)",
    ]


def test_a_cell_of_several_lines_holds_several_numbers() -> None:
    (row,) = read(b'name,phone\nA,"01 40400\n01 40409\n"\n', "AT")
    assert isinstance(row, Row)
    assert [number for number, _ in row.numbers] == ["+43140400", "+43140409"]


def test_what_is_stored_fits_its_columns() -> None:
    name = "phone " + " ".join(["business", "switchboard", "headquarters", "landline"])
    (row,) = read(f"name,{name}\nA,4155550123\n".encode(), "US")
    assert isinstance(row, Row) and len(row.numbers[0][1]) == 40
    host = ".".join(["İ" * 60] * 3)  # which is longer in small letters
    (bad,) = read(f"name,email\nA,a@{host}.example\n".encode(), "US")
    assert isinstance(bad, BadRow)


@pytest.mark.parametrize(
    ("cells", "is_one"),
    [
        (["name", "phone"], True),
        (["Vorname", "Was", "Nr"], True),
        (["Shoe", "Size"], True),
        (["Zoë", "+14155550123"], False),
        (["Zoë", "zoe@quist.example"], False),
        (["Ann Lee", "+14155550160", "Mobile"], False),
    ],
)
def test_a_first_row_names_the_columns_or_is_a_contact(cells: list[str], is_one: bool) -> None:
    assert is_header(cells) is is_one


def test_columns_without_names_are_known_by_what_stands_in_them() -> None:
    rows = [["Zoë", "Quist", "z@x.example", "4155550123"], ["Ann", "", "", "(415) 555-0124"]]
    assert guessed(rows) == [Means.NAME, Means.NOTHING, Means.EMAIL, Means.PHONE]


def test_what_somebody_says_of_the_columns_counts() -> None:
    names = ["Who", "Where to reach", "When", "name"]
    reader = RowReader(mapped(names, [Means.NAME, Means.PHONE, Means.LABEL, Means.NOTHING]), "US")
    row = reader.read(Cells(2, ["Zoë", "4155550123", "evenings", "zq"]))
    assert isinstance(row, Row)
    assert (row.name, row.numbers) == ("Zoë", (("+14155550123", "evenings"),))
    assert reader.unused == ["name"]


def workbook(*rows: list[Any], before: Callable[[Any], object] = lambda book: None) -> bytes:
    book: Any = openpyxl.Workbook()
    before(book)
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_with_all_digits_of_its_numbers() -> None:
    rows = read(
        workbook(
            ["Name", "Phone", "Mobile", "Email"],
            ["Ada", 4155550123, 442079460123.0, "ada@x.example"],
            [],
            ["Bo", "0033 1 42 68 53 00", None, None],
        ),
        "US",
    )
    found = [(row.line, row.name, *row.numbers) for row in rows if isinstance(row, Row)]
    assert found == [
        (2, "Ada", ("+14155550123", ""), ("+442079460123", "Mobile")),
        (4, "Bo", ("+33142685300", "")),
    ]


def test_of_a_workbook_the_first_visible_sheet_that_has_rows_counts() -> None:
    def others(book: Any) -> None:
        hidden = book.create_sheet("hidden", 0)
        hidden.append(["name", "email"])
        hidden.append(["No", "no@x.example"])
        hidden.sheet_state = "hidden"
        book.create_sheet("empty", 0)
        book.active = book["Sheet"]

    (row,) = read(workbook(["name", "email"], ["Ada", "ada@x.example"], before=others), "US")
    assert isinstance(row, Row) and row.name == "Ada"


def zipped(**entries: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def inside(book: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """The workbook with one of its files changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for entry in old.namelist():
            content = old.read(entry)
            new.writestr(entry, change(content.decode()) if entry == name else content)
    return out.getvalue()


BOOK = workbook(["name", "email"], ["Ada", "ada@x.example"])
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = (
    '<!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1 if n else str()};" * 20}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (zipped(hello="x"), "not an Excel workbook"),
        (BOOK[:-200], "cannot be read"),
        (zipped(xl__workbook="<x/>"), "cannot be read"),
        (zipped(xl__workbook="<x/>", xl__sharedStrings=b" " * 65 * 1024**2), "too large"),
        (inside(BOOK, SHEET, lambda xml: xml.replace('r="2"', 'r="99999999999"')), "cannot be"),
        (inside(BOOK, SHEET, lambda xml: LAUGHS + xml.replace("Ada", "&a8;")), "cannot be read"),
        (workbook(["name", *["x"] * 500], ["Ada"]), "more than 500 columns"),
    ],
    ids=["zip", "cut", "empty", "bomb", "rows", "laughs", "columns"],
)
def test_a_workbook_that_is_none_is_refused(
    data: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.imports.workbooks.MOST_ROWS", 1000)  # a million take a while
    with pytest.raises(BadFile, match=says):
        read(data, "US")


def test_cards_of_every_version_are_read() -> None:
    rows = read((FILES / "cards.vcf").read_bytes(), "US")
    found = [(r.name, r.company, r.email, *r.numbers) for r in rows if isinstance(r, Row)]
    assert found == [
        (*ADA, ("+14155550123", "Cell"), ("+442079460123", "Main")),
        (
            "Jürgen Übel",
            "",
            "j@uebel.example",
            ("+491711234567", "Cell"),
            ("+493023125010", "Home"),
        ),
        ("Zoë Quist", "Quist, Sons", "zoe@quist.example", ("+14155550124", "Home")),
        ("Only Ltd", "Only Ltd", "", ("+14155550177", "")),
    ]
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert bad.reason == "This card cannot be read."


@pytest.mark.parametrize("end", ["", "\nEND:VCARD\nBEGIN:VCARD\nFN:B\nTEL:4155550124\nEND:VCARD\n"])
def test_no_card_takes_another_with_it(end: str) -> None:
    text = "BEGIN:VCARD\nVERSION:3.0\nFN:A\nTEL:4155550123\nEND:VCARD\nBEGIN:VCARD\nN\n" + end
    rows = read(text.encode(), "US")
    assert [row.name for row in rows if isinstance(row, Row)] == ["A", "B"][: 1 + bool(end)]
    assert any(isinstance(row, BadRow) for row in rows)


@pytest.mark.parametrize("filler", ["=", ",a", "=a", '"', ";x", 'a"b"', "\\", ';A="b'])
def test_no_line_of_a_card_takes_long(filler: str) -> None:
    lines = "\n".join(f"{name}{filler * 2000}" for name in ("TEL;A", "FN", "N:", "EMAIL;TYPE="))
    text = f"BEGIN:VCARD\nFN:A\n{lines}\nTEL:4155550123\nEND:VCARD\n"
    (row,) = read(text.encode(), "US")
    assert isinstance(row, Row) and row.numbers == (("+14155550123", ""),)


LETTERS = st.sampled_from('TEL;FN:N"=,\\ \tQUOTED-PRINTABLE=4155550123é')


@given(st.lists(st.text(LETTERS, max_size=30)))
def test_any_card_is_read_or_refused(lines: list[str]) -> None:
    text = "BEGIN:VCARD\n" + "\n".join(lines) + "\nEND:VCARD\n"
    assert all(isinstance(row, Row | BadRow) for row in read(text.encode(), "US"))


def test_an_odd_card_is_refused_alone_and_what_is_not_used_is_seen() -> None:
    card = "BEGIN:VCARD\nFN:{}\nTEL:4155550123\n{}\nEND:VCARD\n".format
    odd = card("A", "ORG;CHARSET=NOPE;ENCODING=QUOTED-PRINTABLE:=41") + card(
        "B", "TEL;ENCODING=B:QUI="
    )
    assert [row.name for row in read(odd.encode(), "US") if isinstance(row, Row)] == ["A", "B"]
    text = card(
        "C", "EMAIL:c@x.example\nEMAIL;PREF=1:d@x.example\nTEL;TYPE=fax:4155550199\nNOTE:tall"
    )
    reader, (row,) = read_by(text.encode(), "US")
    assert isinstance(row, Row) and row.email == "d@x.example" and reader.unused == ["Other"]
    source = Source(io.BytesIO(text.encode()), "US")
    assert [cells.texts[3] for cells in source] == [
        "Email: c@x.example · Tel: 4155550199 · Note: tall"
    ]


def test_a_workbook_that_is_small_only_in_its_file_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("contacts.imports.workbooks.MOST_ROWS", 1000)
    (long,) = read(workbook(["name", "email"], ["x" * 20_000] * 9), "US")
    assert isinstance(long, BadRow) and "longer than 100,000 characters" in long.reason
    with pytest.raises(BadFile, match="too large"):
        read(inside(BOOK, "xl/styles.xml", lambda xml: xml + " " * 3 * 1024**2), "US")
    many = zipped(xl__workbook="<x/>", other=b" " * 65 * 1024**2)
    with pytest.raises(BadFile, match="too large"):
        read(many, "US")

    book = workbook(before=lambda book: [book.create_sheet(name) for name in "abc"])
    late = '<sheetData><row r="400"><c r="A400"/></row></sheetData>'
    for number in range(1, 5):
        name = f"xl/worksheets/sheet{number}.xml"
        book = inside(book, name, lambda xml: xml.replace("<sheetData></sheetData>", late))
    with pytest.raises(BadFile, match="cannot be read"):
        read(book, "US")


def test_sheets_that_are_not_read_are_named() -> None:
    def others(book: Any) -> None:
        book.create_sheet("More").append(["name"])

    source = Source(io.BytesIO(workbook(["name"], ["Ada"], before=others)), "US")
    assert len(list(source)) == 2 and source.unread == ["More"]


@pytest.mark.parametrize(
    ("header", "unused"),
    [
        ("name,first name,last name,email", ["first name", "last name"]),
        ("first name,first name,last name,email", ["first name"]),
        ("name,email,label,phone type", ["label", "phone type"]),
    ],
)
def test_whatever_is_not_used_is_named(header: str, unused: list[str]) -> None:
    reader, _ = read_by(f"{header}\na,b,c,d@x.example\n".encode(), "US")
    assert [name.removesuffix(" (where there is another)") for name in reader.unused] == unused
