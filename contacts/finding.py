"""Contacts by what somebody types, read off the index of their tokens.

A contact is found if each typed word (or the typed digits) begins one of its tokens. The index
(workspace, archived or not, token, name, contact) gives them in its own order: who has the typed
word itself before those of longer words, of each word by name. So what is read is what is shown,
however many there are. Of several words the rarest drives, and the others are looked up for each
contact that it brings. The SQL is written out: a planner that may begin with the contacts, as their
order by name invites it to, walks all of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Func, Q

from contacts import search
from contacts.walks import (
    BY_NAME,
    KEYS,
    PROBE,
    Branch,
    Key,
    Select,
    Walk,
    run,
    tenant,
    uuid_of,
    windowed,
)
from tenants.bricks.ids import read_uuid

_NAMED = (
    "t.tenant_id = %s AND t.is_archived = %s AND t.token = %s"
    " AND t.sort_name >= %s AND t.sort_name < %s"
)
_UNITED = "SELECT * FROM ({}) x UNION ALL SELECT * FROM ({}) y"
_SHOWN = """SELECT k.place, k.contact_id, c.name, c.company, n.number, n.extension FROM ({}) k
    JOIN contacts_contact c ON c.tenant_id = %s AND c.id = k.contact_id
    JOIN contacts_contactnumber n ON n.tenant_id = %s AND n.contact_id = c.id
    WHERE c.archived_at IS NULL
    ORDER BY k.place, k.token, k.sort_name, k.contact_id, n.position, n.id"""


class HasToken(Func):
    """Whether the contact whose id stands in this column has a token that begins so."""

    output_field = BooleanField()

    def __init__(self, column: str, prefix: str, **extra: Any) -> None:
        super().__init__(column, **extra)
        self.prefix = prefix

    def as_sql(  # type: ignore[override]  # the parts of a function are not taken from outside
        self, compiler: Any, connection: Any
    ) -> tuple[str, list[Any]]:
        column, params = compiler.compile(self.source_expressions[0])
        params = [tenant(), *params, self.prefix, search.after(self.prefix)]
        return f"{PROBE.format(column)} IS NOT NULL", params


def having(text: str, column: str = "pk") -> Q:
    """Rows whose contact (its id stands in the column) is found, where something else drives."""
    asked = search.queries(text)
    found = Q() if asked else Q(pk__in=[])
    for ways in asked:
        word = Q()
        for way in ways:
            word |= Q(*(HasToken(column, prefix) for prefix in way))
        found &= word
    return found


def contact_ids(text: str, *, most: int) -> list[UUID] | None:
    """All who are found, archived ones too; None if there are more than `most`, or if it takes more
    than a look at `WINDOW` bearers of the rarest word to know.
    """
    found: dict[UUID, None] = {}
    for branch in Branch.of(text):
        walks = [Walk(branch, archived) for archived in (False, True)]
        selects, params = zip(*(walk.select(most + 1) for walk in walks), strict=True)
        rows = run(_UNITED.format(*selects), [*params[0], *params[1]])
        found |= {uuid_of(contact_id): None for *_, contact_id in rows}
        if len(found) > most or any(walk.end_of_window() for walk in walks):
            return None
    return list(found)


def first_ids(text: str, *, most: int) -> list[UUID]:
    """The first so many who are found, and so many of the archive."""
    pages = (page_of_keys(text, archived=is_so, after="", size=most) for is_so in (False, True))
    return [key.contact_id for keys, _ in pages for key in keys]


def page_of_keys(text: str, *, archived: bool, after: str, size: int) -> tuple[list[Key], str]:
    """(where the next `size` contacts after the cursor `after` stand, the next cursor or "")."""
    branches = Branch.of(text)
    first, driver, last = _read_cursor(after, branches)
    found: list[tuple[str, Key]] = []
    for place, branch in enumerate(branches):
        if place < first or len(found) > size:
            continue
        walk = Walk(branch, archived, driver, last)
        while len(found) <= size and not walk.is_over:
            keys = walk.read(size + 1 - len(found))
            found += [(f"{place}.{branch.drivers.index(walk.driver)}", key) for key in keys]
        driver, last = "", None
    more, found = len(found) > size, found[:size]
    cursor = ""
    if more:
        where, key = found[-1]
        cursor = f"{key.contact_id} {where} {key.token} {key.sort_name}"
    return [key for _, key in found], cursor


def suggestions(text: str, *, size: int) -> list[tuple[UUID, str, str, str, str]]:
    """(contact's id, name, company, number, extension) of the first with a number who are found,
    for each of their numbers, among `WINDOW` bearers of the rarest word. Of several words those
    come first whose name begins with the text, or with its second word and holds the first.
    """
    found: dict[UUID, list[Any]] = {}
    come_by: dict[UUID, tuple[int, int]] = {}  # of a contact that comes several times, the first
    for nth, (sql, params) in enumerate(_selects(text, size)):
        for place, pk, *shown in run(_SHOWN.format(sql), [*params, tenant(), tenant()]):
            contact_id = uuid_of(pk)
            if come_by.setdefault(contact_id, (nth, place)) == (nth, place):
                found.setdefault(contact_id, []).append((contact_id, *shown))
        if len(found) >= size:
            break
    return [row for rows in list(found.values())[:size] for row in rows]


def _selects(text: str, size: int) -> Iterator[Select]:
    """Of suggestions, the likeliest first."""
    branches, asked = Branch.of(text, numbered=True), search.queries(text)
    if len(asked) > 1 and len(asked[0]) == 1:
        yield _named(text, asked[0][0][0], asked[1][0][0], branches[0], size)
    for branch in branches:
        yield Walk(branch, archived=False).select(size)


def _named(text: str, first: str, second: str, branch: Branch, size: int) -> Select:
    """Who has the first word itself, and a name that begins with the text or the second word: two
    small ranges, where each of the words may be of thousands.
    """
    whole = " ".join(search.normalise(text).split())
    conditions, said = branch.conditions(first)
    selects, params = [], list[Any]()
    for place, begins in enumerate([whole, second]):
        selects.append(windowed(f"{KEYS.format(place)}{_NAMED}", conditions, size, BY_NAME))
        params += [tenant(), False, first, begins, search.after(begins), *said]
    return _UNITED.format(*selects), params


def _read_cursor(text: str, branches: Sequence[Branch]) -> tuple[int, str, Key | None]:
    """(which branch, its driver, where it goes on); the beginning for what is no cursor of ours."""
    contact_id, _, rest = text.replace("\x00", "").partition(" ")
    where, _, rest = rest.partition(" ")
    token, _, name = rest.partition(" ")
    place, _, drives = where.partition(".")
    pk = read_uuid(contact_id)
    try:
        driver = branches[int(place)].drivers[int(drives)]
    except (ValueError, IndexError):
        return 0, "", None
    if pk is None or not driver <= token < search.after(driver):
        return 0, "", None
    return int(place), driver, Key(token, name, pk)
