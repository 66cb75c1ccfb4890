"""vCards (2.1, 3 and 4) as rows of a table. Pure.

A card's numbers come in pairs of columns with what each is for, as many as the richest card needs.
Fax numbers and pagers are left out, as those columns of a table are.
"""

import logging
import re
from collections.abc import Iterable, Iterator, MutableSequence
from itertools import chain
from typing import Any

import vobject
from vobject.base import ParseError

from contacts.imports.tables import Cells

MOST_LINES = 5000  # of a card: a picture has some hundreds
_BEGIN, _END = "BEGIN:VCARD", "END:VCARD"
_FIXED = ("Name", "Company", "Email")
# What a type says that is no purpose; Apple writes its own labels as _$!<Mobile>!$_.
_NO_PURPOSE = {"voice", "pref", "internet", "x400", "msg", "text", "video", "textphone", "iphone"}
_NO_PHONE = {"fax", "pager", "modem", "bbs", "isdn", "pcs"}
_APPLE = re.compile(r"_\$!<(.*)>!\$_")
_PICTURE = re.compile(
    r"^(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:].*\n(?:[ \t].*\n)*", re.IGNORECASE | re.MULTILINE
)
_NO_CARD = "This card cannot be read."


# It would write into the log what cannot be read of people's cards.
logging.getLogger("vobject.base").disabled = True


def rows(lines: Iterable[str], names: MutableSequence[str]) -> Iterator[Cells]:
    """A row for each card; once all are read, `names` are those of the columns."""
    widest = 1
    for line, text in _cards(lines):
        try:
            plain = _PICTURE.sub("", text)
            card = next(vobject.readComponents(plain, ignoreUnreadable=True, allowQP=True))
            cells = _cells(card)
        except (ParseError, StopIteration, ValueError, AttributeError, IndexError, KeyError):
            cells = []
        if not any(cells):
            yield Cells(line, [text], _NO_CARD)
            continue
        widest = max(widest, (len(cells) - len(_FIXED)) // 2)
        yield Cells(line, cells)
    pairs = ((f"Phone {n}", f"Label {n}") for n in range(1, widest + 1))
    names[:] = [*_FIXED, *chain.from_iterable(pairs)]


def _cards(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(the line where it begins, its text) of each card, and of what stands between two."""
    begun, card = 1, list[str]()
    for number, line in enumerate(lines, start=1):
        word = line.strip().upper()
        if word == _BEGIN and card and any(map(str.strip, card)):  # the one before has no end
            yield begun, "".join(card)
        if word == _BEGIN or not card:
            begun, card = number, []
        card.append(line.removeprefix("\ufeff"))
        if word == _END or len(card) > MOST_LINES:
            yield begun, "".join(card)
            card = []
    if any(map(str.strip, card)):
        yield begun, "".join(card)


def _cells(card: Any) -> list[str]:
    said = card.contents
    cells = [_name(said), _company(said), _first(said.get("email", []))]
    labels = {
        label.group: _APPLE.sub(r"\1", label.value)
        for label in said.get("x-ablabel", [])
        if label.group
    }
    for phone in said.get("tel", []):
        types = _types(phone)
        if _NO_PHONE.isdisjoint(types):
            purposes = [one for one in types if one not in _NO_PURPOSE]
            label = labels.get(phone.group, "") or " ".join(purposes)
            cells += [_telephone(phone.value), label[:1].upper() + label[1:]]
    return cells


def _first(found: Iterable[Any]) -> str:
    """The value of the preferred one."""
    ranked = sorted(found, key=lambda one: "pref" not in _types(one) and "PREF" not in one.params)
    return str(ranked[0].value).removeprefix("mailto:") if ranked else ""


def _types(one: Any) -> list[str]:
    given = [*one.params.get("TYPE", []), *one.singletonparams]
    return [word.strip().lower() for text in given for word in text.split(",") if word.strip()]


def _telephone(value: str) -> str:
    return value.removeprefix("tel:")


def _name(said: Any) -> str:
    if full := _first(said.get("fn", [])).strip():
        return full
    for name in said.get("n", []):
        parts = (name.value.given, name.value.additional, name.value.family)
        if text := " ".join(part for part in map(_joined, parts) if part):
            return text
    return ""


def _company(said: Any) -> str:
    """Its first part is the company, the others are departments."""
    return next((str(org.value[0]) for org in said.get("org", []) if org.value), "")


def _joined(part: Any) -> str:
    return part if isinstance(part, str) else " ".join(part)
