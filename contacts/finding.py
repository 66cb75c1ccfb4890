"""Contacts by what somebody types, read off the index of their tokens.

A contact is found if each typed word (or the typed digits) begins one of its tokens. The index
(workspace, archived or not, token, name, contact) gives them in its own order: who has the typed
word itself before those of longer words, of each word by name. So what is read is what is shown,
however many there are. Of several words the rarest drives, and the others are looked up for each
contact that it brings. The SQL is written out: a planner that may begin with the contacts, as their
order by name invites it to, walks all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Func, Q

from contacts import search
from tenants.bricks.ids import read_uuid
from tenants.fence.context import tenant_id_for_query

# Where every word is a common one, so many bearers of the rarest are looked at in one go.
WINDOW = 5000
COMMON = 500  # bearers from which on a word is
_WEIGHED = 5  # words, the longest ones

Way = Sequence[str]  # prefixes that must all be found
Select = tuple[str, list[Any]]

# A scalar: a planner can't turn it into a walk over the tokens, as it can an EXISTS.
_PROBE = """(SELECT 1 FROM contacts_contacttoken o
    WHERE o.tenant_id = %s AND o.contact_id = {} AND o.token >= %s AND o.token < %s LIMIT 1)"""
_KEYS = "SELECT {} AS place, t.token, t.sort_name, t.contact_id FROM contacts_contacttoken t WHERE "
_IN_RANGE = "t.tenant_id = %s AND t.is_archived = %s AND t.token >= %s AND t.token < %s"
_AFTER = (
    "t.tenant_id = %s AND t.is_archived = %s AND t.token < %s"
    " AND (t.token, t.sort_name, t.contact_id) > (%s, %s, %s)"
)
_NAMED = (
    "t.tenant_id = %s AND t.is_archived = %s AND t.token = %s"
    " AND t.sort_name >= %s AND t.sort_name < %s"
)
_WINDOWED = "SELECT * FROM ({}) t WHERE true{}"
_COUNTED = "(SELECT count(*) FROM ({}{} LIMIT {}) x)"
_UNITED = "SELECT * FROM ({}) x UNION ALL SELECT * FROM ({}) y"
_IN_ORDER = " ORDER BY t.token, t.sort_name, t.contact_id LIMIT "
_SHOWN = """SELECT k.place, k.contact_id, c.name, c.company, n.number, n.extension FROM ({}) k
    JOIN contacts_contact c ON c.tenant_id = %s AND c.id = k.contact_id
    JOIN contacts_contactnumber n ON n.tenant_id = %s AND n.contact_id = c.id
    WHERE c.archived_at IS NULL
    ORDER BY k.place, k.token, k.sort_name, k.contact_id, n.position, n.id"""


class Key(NamedTuple):
    """Where a contact stands in the index."""

    token: str
    sort_name: str
    contact_id: UUID


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
        params = [_tenant(), *params, self.prefix, search.after(self.prefix)]
        return f"{_PROBE.format(column)} IS NOT NULL", params


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
        rows = _run(_UNITED.format(*selects), [*params[0], *params[1]])
        found |= {_uuid(contact_id): None for *_, contact_id in rows}
        if len(found) > most or any(walk.end_of_window() for walk in walks):
            return None
    return list(found)


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
    """(contact's id, name, company, number, extension) of the first who are found, for each of
    their numbers. Of several words those come first whose name begins with the text, or with its
    second word and holds the first; others among `WINDOW` bearers of the rarest word.
    """
    found: dict[UUID, list[Any]] = {}
    come_by: dict[UUID, tuple[int, int]] = {}  # of a contact that comes several times, the first
    for nth, (sql, params) in enumerate(_selects(text, size)):
        for place, pk, *shown in _run(_SHOWN.format(sql), [*params, _tenant(), _tenant()]):
            contact_id = _uuid(pk)
            if come_by.setdefault(contact_id, (nth, place)) == (nth, place):
                found.setdefault(contact_id, []).append((contact_id, *shown))
        if len(found) >= size:
            break
    return [row for rows in list(found.values())[:size] for row in rows]


@dataclass(frozen=True)
class Branch:
    """A way to read what was typed: any of `drivers` may drive, each of `words` must be found in
    one of its ways, and `unless` must not.
    """

    drivers: Sequence[str]
    words: Sequence[Sequence[Way]]
    unless: Way = ()

    @classmethod
    def of(cls, text: str) -> list[Self]:
        """One if a word has a single way, else one for each way of the first word."""
        asked = search.queries(text)
        drivers = [prefix for ways in asked if len(ways) == 1 for prefix in ways[0]]
        if drivers or not asked:
            return [cls(_once(drivers), asked)] if asked else []
        first, *others = asked
        return [
            cls(_once(way), [[way], *others], unless=first[0] if place else ())
            for place, way in enumerate(first)
        ]

    def conditions(self, driver: str) -> Select:
        """What else must hold of a row `t` of the driver's range. Of a contact with several such
        tokens the first one stands for it.
        """
        earlier = _PROBE.format("t.contact_id").replace("token < %s", "token < t.token")
        # Written so that a planner expects most rows to pass, as they do, and stops at the limit.
        parts, params = [f"COALESCE({earlier}, 0) <> 1"], [_tenant(), driver]
        for ways in self.words:
            if list(map(list, ways)) != [[driver]]:
                met = [_all_of(way) for way in ways]
                parts.append(f"({' OR '.join(sql for sql, _ in met)})")
                params += [one for _, said in met for one in said]
        if self.unless:
            sql, said = _all_of(self.unless)
            parts.append(f"NOT {sql}")
            params += said
        return "".join(f" AND {part}" for part in parts), params


class Walk:
    """Along the index, through those whom a word brings: the rarest, if none is given."""

    def __init__(
        self, branch: Branch, archived: bool, driver: str = "", last: Key | None = None
    ) -> None:
        self._archived, self.last, self.is_over = archived, last, False
        self.driver, is_common = (driver, True) if driver else self._rarest(branch.drivers)
        self._conditions = branch.conditions(self.driver)
        # Of a word alone nearly all are found.
        self._is_windowed = is_common and (len(branch.words) > 1 or len(branch.words[0][0]) > 1)

    def read(self, most: int) -> list[Key]:
        """The next ones, at most so many; `is_over` says whether there may be more."""
        keys = [_key(row) for row in _run(*self.select(most))]
        after = keys[-1] if len(keys) == most else self.end_of_window()
        self.last, self.is_over = after or self.last, after is None
        return keys

    def end_of_window(self) -> Key | None:
        """Where the looked-at bearers end; None where there are no more of them."""
        if not self._is_windowed:
            return None
        sql, params = self._range(1, skip=WINDOW - 1)
        return next((_key(row) for row in _run(sql, params)), None)

    def select(self, most: int) -> Select:
        conditions, params = self._conditions
        if not self._is_windowed:
            sql, said = self._range(most, conditions)
            return sql, [*said, *params]
        window, said = self._range(WINDOW)
        sql = _WINDOWED.format(window, conditions)
        return f"{sql}{_IN_ORDER}{most}", [*said, *params]

    def _range(self, most: int, conditions: str = "", *, skip: int = 0) -> Select:
        params = [_tenant(), self._archived]
        if self.last is None:
            where = _IN_RANGE
            params += [self.driver, search.after(self.driver)]
        else:
            where = _AFTER
            params += [search.after(self.driver), *self.last[:2], _value(self.last.contact_id)]
        offset = f" OFFSET {skip}" if skip else ""
        return f"{_KEYS.format(0)}{where}{conditions}{_IN_ORDER}{most}{offset}", params

    def _rarest(self, drivers: Sequence[str]) -> tuple[str, bool]:
        """(the driver with the fewest bearers, whether it is common all the same)."""
        if len(drivers) == 1:
            return drivers[0], True
        weighed = sorted(drivers, key=len, reverse=True)[:_WEIGHED]
        bearers = _COUNTED.format(_KEYS.format(0), _IN_RANGE, COMMON)
        params = list[Any]()
        for prefix in weighed:
            params += [_tenant(), self._archived, prefix, search.after(prefix)]
        ((*counts,),) = _run("SELECT " + ", ".join([bearers] * len(weighed)), params)
        count, driver = min(zip(counts, weighed, strict=True), key=lambda pair: pair[0])
        return driver, count >= COMMON


def _selects(text: str, size: int) -> Iterator[Select]:
    """Of suggestions, the likeliest first."""
    branches, asked = Branch.of(text), search.queries(text)
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
        selects.append(f"{_KEYS.format(place)}{_NAMED}{conditions}{_IN_ORDER}{size}")
        params += [_tenant(), False, first, begins, search.after(begins), *said]
    return _UNITED.format(*selects), params


def _all_of(way: Way) -> Select:
    found = " AND ".join([f"{_PROBE.format('t.contact_id')} IS NOT NULL"] * len(way))
    return f"({found})", [
        one for prefix in way for one in (_tenant(), prefix, search.after(prefix))
    ]


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


def _key(row: tuple[Any, ...]) -> Key:
    _, token, sort_name, contact_id = row
    return Key(token, sort_name, _uuid(contact_id))


def _once(prefixes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(prefixes))


def _run(sql: str, params: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _tenant() -> Any:
    return _value(tenant_id_for_query())


def _value(found: UUID) -> Any:
    return found if connection.features.has_native_uuid_field else found.hex


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
