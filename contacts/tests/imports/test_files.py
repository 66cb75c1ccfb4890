"""Files as people have them: of other programs, in their columns, separators and encodings."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.imports.columns import Means, columns
from contacts.imports.decoding import encoding_of
from contacts.imports.rows import BadFile, BadRow, ContactFile, Row

FILES = Path(__file__).parents[1] / "files"
ADA = ("Ada Fictum", "Fictum & Daughters", "ada@fictum.example")
A_MOBILE = ("+14155550123", "")


def read(data: bytes, region: str) -> list[Row | BadRow]:
    text = data.decode(encoding_of([data], region), errors="replace")
    return list(ContactFile(io.StringIO(text, newline=""), region))


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
    for head in ("", "name,phone,phone,email\n"):
        try:
            rows = list(ContactFile(io.StringIO(head + text, newline=""), region))
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
    rows = list(ContactFile(io.StringIO(out.getvalue(), newline=""), "US"))
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
        'sep="\nname,email',
        "sep=\\\nname,email",
    ],
)
def test_no_first_line_is_too_much(header: str) -> None:
    with pytest.raises(BadFile):
        ContactFile(io.StringIO(f"{header}\nA,a@x.example\n", newline=""), "US")


def test_rows_that_are_left_out_cost_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "name,phone\n" + "A,4155550123\n\n" * 5 + "B,4155550124\n"
    file = ContactFile(io.StringIO(text, newline=""), "US")
    with monkeypatch.context() as none:
        none.setattr("contacts.imports.rows.parse_several", None)
        file.skip(5)
    (row,) = file
    assert isinstance(row, Row) and (row.name, row.line) == ("B", 12)


def test_nothing_that_a_row_says_is_left_out_without_a_word() -> None:
    file = ContactFile(
        io.StringIO(
            "name,mobile,label,email,email 2,company,organisation\n"
            "A,4155550123,only evenings,a@x.example,,X,\n",
            newline="",
        ),
        "US",
    )
    (row,) = file
    assert isinstance(row, Row) and row.numbers == (("+14155550123", "only evenings"),)
    assert file.ignored == [
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
