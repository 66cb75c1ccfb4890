"""Rows as an Excel workbook (.xlsx), written while it is sent.

Every cell is text, so that a spreadsheet makes no number of a telephone number and keeps what it
was given; what would be a formula is neutral as in CSV, which some save it as. openpyxl can only
write the whole of it before the first byte is sent. Source: ECMA-376, SpreadsheetML.
"""

import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from tenants.bricks.csv_cells import neutral

MOST_ROWS = 2**20  # of a sheet
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
CONTENT_TYPE = f"{_TYPES}sheet"
# A cell of the first format is text also when somebody types another number into it.
_PLAIN = 'fontId="0" fillId="0" borderId="0"'
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/></border></borders>'
    f'<cellStyleXfs count="1"><xf numFmtId="0" {_PLAIN}/></cellStyleXfs>'
    f'<cellXfs count="2"><xf numFmtId="0" {_PLAIN} xfId="0"/>'
    f'<xf numFmtId="49" {_PLAIN} xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # what a spreadsheet would read as one letter


def workbook(pages: Iterable[Iterable[Iterable[object]]]) -> Iterator[bytes]:
    """The pieces of a workbook with the rows of the pages, on several sheets if they are many."""
    out = _Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        rows, sheets, is_over = _endless(pages), 0, False
        while not is_over:
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
                for number in range(MOST_ROWS):
                    row = next(rows)
                    if row is None:
                        is_over = True
                        break
                    sheet.write(_row(row))
                    if number % 500 == 499:
                        yield out.taken()
                sheet.write(b"</sheetData></worksheet>")
        for name, text in _frame(sheets):
            archive.writestr(name, _HEAD + text)
    yield out.taken()


def _endless(pages: Iterable[Iterable[Iterable[object]]]) -> Iterator[Iterable[object] | None]:
    for page in pages:
        yield from page
    while True:
        yield None


class _Pipe(io.RawIOBase):
    """Takes what a zip file is written to, and has no past to go back to."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _row(cells: Iterable[object]) -> bytes:
    written = "".join(
        f'<c t="inlineStr" s="1"><is><t xml:space="preserve">{_text(cell)}</t></is></c>'
        for cell in cells
    )
    return f"<row>{written}</row>".encode()


def _text(cell: object) -> str:
    text = _ESCAPE.sub("_x005F_", _UNWRITABLE.sub(" ", neutral(cell)))
    return html.escape(text, quote=False).replace("\r", "&#13;")


def _frame(sheets: int) -> Iterator[tuple[str, str]]:
    """(name, content) of what makes sheets a workbook."""
    numbers = range(1, sheets + 1)
    parts = {
        "/xl/workbook.xml": f"{_TYPES}sheet.main+xml",
        "/xl/styles.xml": f"{_TYPES}styles+xml",
        **{f"/xl/worksheets/sheet{n}.xml": f"{_TYPES}worksheet+xml" for n in numbers},
    }
    overrides = (f'<Override PartName="{n}" ContentType="{kind}"/>' for n, kind in parts.items())
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{''.join(overrides)}</Types>",
    )
    links = [(n, "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    yield "xl/styles.xml", _STYLES
    yield "_rels/.rels", _links([(1, "officeDocument", "xl/workbook.xml")])
    yield "xl/_rels/workbook.xml.rels", _links([*links, (sheets + 1, "styles", "styles.xml")])
    named = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{named}</sheets></workbook>',
    )


def _links(targets: list[tuple[int, str, str]]) -> str:
    links = (
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, kind, target in targets
    )
    return f'<Relationships xmlns="{_PACKAGE}relationships">{"".join(links)}</Relationships>'
