"""Along the index of the contacts' tokens: what a typed text reads there, and in which order
(contacts/finding.py says why).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connection

from contacts import search
from tenants.fence.context import tenant_id_for_query

# Where every word is a common one, so many bearers of the rarest are looked at in one go.
WINDOW = 2000
COMMON = 500  # bearers from which on a word is
_WEIGHED = 5  # words, the longest ones

Way = Sequence[str]  # prefixes that must all be found
Select = tuple[str, list[Any]]

# A scalar: a planner can't turn it into a walk over the tokens, as it can an EXISTS.
PROBE = """(SELECT 1 FROM contacts_contacttoken o
    WHERE o.tenant_id = %s AND o.contact_id = {} AND o.token >= %s AND o.token < %s LIMIT 1)"""
KEYS = "SELECT {} AS place, t.token, t.sort_name, t.contact_id FROM contacts_contacttoken t WHERE "
_IN_RANGE = "t.tenant_id = %s AND t.is_archived = %s AND t.token >= %s AND t.token < %s"
_AFTER = (
    "t.tenant_id = %s AND t.is_archived = %s AND t.token < %s"
    " AND (t.token, t.sort_name, t.contact_id) > (%s, %s, %s)"
)
_NUMBERED = """(SELECT 1 FROM contacts_contactnumber n
    WHERE n.tenant_id = %s AND n.contact_id = t.contact_id LIMIT 1) IS NOT NULL"""
_WINDOWED = "SELECT * FROM ({}{}{}) t WHERE true{}{}{}"
_COUNTED = "(SELECT count(*) FROM ({}{} LIMIT {}) x)"
IN_ORDER = " ORDER BY t.token, t.sort_name, t.contact_id LIMIT "
BY_NAME = " ORDER BY t.sort_name, t.contact_id LIMIT "  # of one token


class Key(NamedTuple):
    """Where a contact stands in the index."""

    token: str
    sort_name: str
    contact_id: UUID


@dataclass(frozen=True)
class Branch:
    """A way to read what was typed: any of `drivers` may drive, each of `words` must be found in
    one of its ways, and `unless` must not. If it is `numbered`, of those who have a number alone.
    """

    drivers: Sequence[str]
    words: Sequence[Sequence[Way]]
    unless: Way = ()
    numbered: bool = False

    @classmethod
    def of(cls, text: str, *, numbered: bool = False) -> list[Self]:
        """One if a word has a single way, else one for each way of the first word."""
        asked = search.queries(text)
        drivers = [prefix for ways in asked if len(ways) == 1 for prefix in ways[0]]
        if drivers or not asked:
            return [cls(_once(drivers), asked, numbered=numbered)] if asked else []
        first, *others = asked
        return [
            cls(_once(way), [[way], *others], first[0] if place else (), numbered)
            for place, way in enumerate(first)
        ]

    def conditions(self, driver: str) -> Select:
        """What else must hold of a row `t` of the driver's range. Of a contact with several such
        tokens the first one stands for it.
        """
        earlier = PROBE.format("t.contact_id").replace("token < %s", "token < t.token")
        parts, params = list[str](), list[Any]()
        for ways in self.words:
            if list(map(list, ways)) != [[driver]]:
                met = [_all_of(way) for way in ways]
                parts.append(f"({' OR '.join(sql for sql, _ in met)})")
                params += [one for _, said in met for one in said]
        if self.unless:
            sql, said = _all_of(self.unless)
            parts.append(f"NOT {sql}")
            params += said
        # Written so that a planner expects most rows to pass, as they do, and stops at the limit.
        parts.append(f"COALESCE({earlier}, 0) <> 1")
        params += [tenant(), driver]
        if self.numbered:
            # Looked up last, of the few who are left.
            parts = [f"CASE WHEN {' AND '.join(parts)} THEN {_NUMBERED} END"]
            params.append(tenant())
        return "".join(f" AND {part}" for part in parts), params


class Walk:
    """Along the index, through those whom a word brings: the rarest, if none is given."""

    def __init__(
        self, branch: Branch, archived: bool, driver: str = "", last: Key | None = None
    ) -> None:
        self._archived, self.last, self.is_over = archived, last, False
        self.driver, is_common = (driver, True) if driver else self._rarest(branch.drivers)
        self._conditions = branch.conditions(self.driver)
        # Of a word alone nearly all are found; of whole books nobody has a number.
        is_picky = len(branch.words) > 1 or len(branch.words[0][0]) > 1 or branch.numbered
        self._is_windowed = is_common and is_picky

    def read(self, most: int) -> list[Key]:
        """The next ones, at most so many; `is_over` says whether there may be more."""
        keys = [_key(row) for row in run(*self.select(most))]
        after = keys[-1] if len(keys) == most else self.end_of_window()
        self.last, self.is_over = after or self.last, after is None
        return keys

    def end_of_window(self) -> Key | None:
        """Where the looked-at bearers end; None where there are no more of them."""
        if not self._is_windowed:
            return None
        sql, params = self._range(1, skip=WINDOW - 1)
        return next((_key(row) for row in run(sql, params)), None)

    def select(self, most: int) -> Select:
        conditions, params = self._conditions
        if not self._is_windowed:
            sql, said = self._range(most, conditions)
            return sql, [*said, *params]
        window, said = self._keys()
        return windowed(window, conditions, most), [*said, *params]

    def _range(self, most: int, conditions: str = "", *, skip: int = 0) -> Select:
        keys, params = self._keys()
        offset = f" OFFSET {skip}" if skip else ""
        return f"{keys}{conditions}{IN_ORDER}{most}{offset}", params

    def _keys(self) -> Select:
        params = [tenant(), self._archived]
        if self.last is None:
            where = _IN_RANGE
            params += [self.driver, search.after(self.driver)]
        else:
            where = _AFTER
            params += [search.after(self.driver), *self.last[:2], value_of(self.last.contact_id)]
        return f"{KEYS.format(0)}{where}", params

    def _rarest(self, drivers: Sequence[str]) -> tuple[str, bool]:
        """(the driver with the fewest bearers, whether it is common all the same)."""
        if len(drivers) == 1:
            return drivers[0], True
        weighed = sorted(drivers, key=len, reverse=True)[:_WEIGHED]
        bearers = _COUNTED.format(KEYS.format(0), _IN_RANGE, COMMON)
        params = list[Any]()
        for prefix in weighed:
            params += [tenant(), self._archived, prefix, search.after(prefix)]
        ((*counts,),) = run("SELECT " + ", ".join([bearers] * len(weighed)), params)
        count, driver = min(zip(counts, weighed, strict=True), key=lambda pair: pair[0])
        return driver, count >= COMMON


def windowed(keys: str, conditions: str, most: int, order: str = IN_ORDER) -> str:
    """The first `most` of which the conditions hold, of the first `WINDOW` of these keys. In an
    order whose first column is always the same a planner sorts all of them first.
    """
    return _WINDOWED.format(keys, order, WINDOW, conditions, order, most)


def _all_of(way: Way) -> Select:
    found = " AND ".join([f"{PROBE.format('t.contact_id')} IS NOT NULL"] * len(way))
    return f"({found})", [one for prefix in way for one in (tenant(), prefix, search.after(prefix))]


def _key(row: tuple[Any, ...]) -> Key:
    _, token, sort_name, contact_id = row
    return Key(token, sort_name, uuid_of(contact_id))


def _once(prefixes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(prefixes))


def run(sql: str, params: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def tenant() -> Any:
    return value_of(tenant_id_for_query())


def value_of(found: UUID) -> Any:
    return found if connection.features.has_native_uuid_field else found.hex


def uuid_of(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
