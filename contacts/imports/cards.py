"""vCards (2.1, 3 and 4) as rows of a table. Pure. Source: RFC 2426, RFC 6350, vCard 2.1.

Read here and not by vobject, which takes exponential time for some lines of thirty characters.

A card's numbers come in pairs of columns with what each is for, as many as the richest card needs.
What else it says as text stands in one column that means nothing, so that it is seen to go.
"""

import quopri
import re
from collections.abc import Iterable, Iterator, MutableSequence
from itertools import chain
from typing import NamedTuple

from contacts.imports.tables import Cells

MOST_LINES = 5000  # of a card: a picture has some hundreds
_FIXED = ("Name", "Company", "Email", "Other")
# What a type says that is no purpose; Apple writes its own labels as _$!<Mobile>!$_.
_NO_PURPOSE = {"voice", "pref", "internet", "x400", "msg", "text", "video", "textphone", "iphone"}
_NO_PHONE = {"fax", "pager", "modem", "bbs", "isdn", "pcs"}
_APPLE = re.compile(r"_\$!<(.*)>!\$_")
# Of a line: what is its name and its parameters, which may be quoted, and its value.
_LINE = re.compile(r'((?:[^":]|"[^"]*")*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';((?:[^";]|"[^"]*")*)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"\\.|;|[^\\;]+|\\", re.DOTALL)  # of a value whose parts are parted by ;
_NO_TEXT = {"PHOTO", "LOGO", "SOUND", "KEY", "VERSION", "PRODID", "UID", "REV", "BEGIN", "END"}
_NO_CARD = "This card cannot be read."


class _Said(NamedTuple):
    """A line of a card: `name` in capitals, `kinds` in small letters, `value` as it is written."""

    group: str
    name: str
    kinds: list[str]
    value: str

    @property
    def text(self) -> str:
        return _plain(self.value)

    @property
    def parts(self) -> list[str]:
        parts = [""]
        for piece in _PIECE.findall(self.value):
            if piece == ";":
                parts.append("")
            else:
                parts[-1] += _plain(piece)
        return parts


def rows(lines: Iterable[str], names: MutableSequence[str]) -> Iterator[Cells]:
    """A row for each card; once all are read, `names` are those of the columns."""
    widest = 1
    for line, card in _cards(lines):
        cells = _cells([said for one in _logical(card) if (said := _said(one))])
        if not any(cells):
            yield Cells(line, ["".join(card)], _NO_CARD)
            continue
        widest = max(widest, (len(cells) - len(_FIXED)) // 2)
        yield Cells(line, cells)
    pairs = ((f"Phone {n}", f"Label {n}") for n in range(1, widest + 1))
    names[:] = [*_FIXED, *chain.from_iterable(pairs)]


def _cards(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """(the line where it begins, its lines) of each card, and of what stands between two."""
    begun, card = 1, list[str]()
    for number, line in enumerate(lines, start=1):
        word = line.strip().upper()
        if word == "BEGIN:VCARD" and any(map(str.strip, card)):  # the one before has no end
            yield begun, card
        if word == "BEGIN:VCARD" or not any(map(str.strip, card)):
            begun, card = number, []
        card.append(line.removeprefix("\ufeff"))
        if word == "END:VCARD" or len(card) > MOST_LINES:
            yield begun, card
            card = []
    if any(map(str.strip, card)):
        yield begun, card


def _logical(card: Iterable[str]) -> Iterator[str]:
    """Its lines, unfolded: what begins with a space goes on, as does a quoted-printable one that
    ends with =.
    """
    whole = ""
    for line in card:
        line = line.rstrip("\r\n")
        if whole.endswith("=") and "QUOTED-PRINTABLE" in whole.upper():
            whole = whole[:-1] + line
        elif line[:1] in ("", " ", "\t"):
            whole += line[1:]
        else:
            yield whole
            whole = line
    yield whole


def _said(line: str) -> _Said | None:
    """None for a line that says nothing that is text."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    head, value = match.groups()
    group, _, name = head.partition(";")[0].rpartition(".")
    kinds, encoding, charset = list[str](), "", ""
    for parameter in _PARAMETER.findall(head):
        key, equals, said = parameter.partition("=")
        # Version 2.1 names types and encodings alone.
        key, said = (key.strip().upper(), said.replace('"', "")) if equals else ("", key)
        if key == "CHARSET":
            charset = said
        elif key == "PREF":
            kinds.append("pref")
        elif key == "ENCODING" or said.upper() in ("QUOTED-PRINTABLE", "BASE64"):
            encoding = said.upper()
        elif key in ("", "TYPE"):
            kinds += [word for one in said.lower().split(",") if (word := one.strip())]
    if encoding in ("B", "BASE64"):
        return None
    if encoding == "QUOTED-PRINTABLE":
        value = _decoded(value, charset)
    return _Said(group, name.upper(), kinds, value)


def _decoded(value: str, charset: str) -> str:
    data = quopri.decodestring(value.encode())
    try:
        return data.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return data.decode("utf-8", errors="replace")


def _cells(card: list[_Said]) -> list[str]:
    labels = {one.group: _APPLE.sub(r"\1", one.text) for one in card if one.name == "X-ABLABEL"}
    emails = sorted(
        (one for one in card if one.name == "EMAIL"), key=lambda one: "pref" not in one.kinds
    )
    rest, numbers = emails[1:], list[str]()
    for one in card:
        if one.name == "TEL" and _NO_PHONE.isdisjoint(one.kinds):
            purposes = [kind for kind in one.kinds if kind not in _NO_PURPOSE]
            label = labels.get(one.group, "") if one.group else ""
            label = label or " ".join(purposes)
            numbers += [one.text.removeprefix("tel:"), label[:1].upper() + label[1:]]
        elif not one.name.startswith("X-") and one.name not in _NO_TEXT | {"FN", "N", "EMAIL"}:
            rest.append(one)
    company = next((one.parts[0] for one in card if one.name == "ORG"), "")
    email = emails[0].text.removeprefix("mailto:") if emails else ""
    other = [f"{one.name.title()}: {' '.join(filter(None, one.parts))}" for one in rest]
    if not (name := _name(card)) and not (company or email or numbers):
        return []
    return [name, company, email, " · ".join(_without(other, company)), *numbers]


def _without(other: list[str], company: str) -> Iterator[str]:
    """What an ORG says is the company, and only its departments are left over."""
    return (text for text in other if text != f"Org: {company}")


def _name(card: list[_Said]) -> str:
    if full := next((one.text.strip() for one in card if one.name == "FN"), ""):
        return full
    family, given, middle, *_ = [*next((c.parts for c in card if c.name == "N"), []), "", "", ""]
    return " ".join(filter(None, (given, middle, family)))


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], text)
