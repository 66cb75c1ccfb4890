"""Reads of the call log for the API. All of them run inside a tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import Q, QuerySet

from calls.facts import states
from calls.models import CallEvent, CallLeg, CallLog, Recording
from calls.selectors import call_rows
from calls.selectors.about import about_contacts
from contacts import search
from tenants.fence.context import tenant_reading

COUNT_CAP = 10_000
SEARCHED = 10_000  # calls of which a part of a number is found; then every call of that number
_MOST_NUMBERS = 500
LONGEST_TIMELINE = 1_000  # a call has dozens of events; the answer stays small whatever happens


class BadCursor(ValueError):
    """The text is no cursor that a page of ours gave."""


@dataclass(frozen=True)
class Filters:
    """What a page is narrowed to; None and "" do not narrow. Times are aware, `until` exclusive."""

    direction: str = ""
    status: str = ""
    outcome: str = ""
    user_id: UUID | None = None
    contact_id: UUID | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    has_recording: bool | None = None


@dataclass(frozen=True)
class Page:
    """`calls` as `call_rows` tells them; `total` is exact up to COUNT_CAP and stays there beyond;
    `next_cursor` is None at the end.
    """

    calls: Sequence[dict[str, Any]]
    total: int
    total_is_capped: bool
    number: int
    size: int
    next_cursor: str | None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None


@dataclass(frozen=True)
class Detail:
    """One call, as it is told, and everything that was heard of it, its earliest events first."""

    call: CallLog
    told: dict[str, Any]
    recordings: Sequence[Recording]
    legs: Sequence[CallLeg]
    events: Sequence[CallEvent]


def page(
    tenant_id: UUID, filters: Filters, *, number: int = 1, size: int = 20, before: str = ""
) -> Page:
    """Page `number` of a tenant's calls, newest first, counted from the cursor `before`. One
    statement; two more for a text, and one more for calls in doubt. Opens a transaction, if it is
    in none.

    Raises `BadCursor`.
    """
    if (matching := _matching(tenant_id, filters)) is None:
        return Page([], 0, False, number, size, None)
    sql, values = matching
    # Along the index, too (selectors.history); a text and a status have several.
    has_one = not (filters.status or filters.text)
    counted = f"{sql}{_NEWEST if has_one else ''} LIMIT {COUNT_CAP + 1}"
    total = f"(SELECT count(*) FROM ({counted}) c)", values  # noqa: S608 # nosec B608 # our names
    if before:
        started_at, call_id = read_cursor(before)
        # The first condition is the range that the index walks, the second cuts its first moment.
        sql += " AND calls_calllog.started_at <= %s AND NOT"
        sql += " (calls_calllog.started_at = %s AND calls_calllog.id >= %s)"
        values = [*values, started_at, started_at, call_id]
    sql += f"{_NEWEST} LIMIT {size + 1} OFFSET {(number - 1) * size}"
    rows, matched = call_rows.told(tenant_id, (sql, values), total)
    has_more, rows = len(rows) > size, rows[:size]
    return Page(
        calls=rows,
        total=min(matched, COUNT_CAP),
        total_is_capped=matched > COUNT_CAP,
        number=number,
        size=size,
        next_cursor="{startedAt}~{id}".format_map(rows[-1]) if has_more else None,
    )


def detail(call_id: UUID) -> Detail | None:
    """Five statements, and one more when it is in doubt with whom the call is."""
    call = CallLog.objects.filter(pk=call_id).first()
    if call is None:
        return None
    this = f"{_ALL} AND calls_calllog.id = %s", [call.tenant_id, call.pk]
    (told,), _ = call_rows.told(call.tenant_id, this)
    of_call = {"conference_id": call.conference_id, "conference__isnull": False}
    legs = CallLeg.objects.filter(**of_call).select_related("user").order_by("created_at", "id")
    events = CallEvent.objects.filter(**of_call).select_related("leg").order_by("at", "id")
    return Detail(
        call,
        told,
        recordings=list(Recording.objects.filter(call=call).order_by("created_at", "id")),
        legs=list(legs),
        events=list(events[:LONGEST_TIMELINE]),
    )


def read_cursor(text: str) -> tuple[datetime, UUID]:
    started_at, _, call_id = text.partition("~")
    try:
        moment, found = datetime.fromisoformat(started_at), UUID(call_id)
    except ValueError:
        raise BadCursor(text) from None
    if moment.utcoffset() is None or moment.utcoffset():
        raise BadCursor(text)
    return moment, found


_NEWEST = " ORDER BY calls_calllog.started_at DESC, calls_calllog.id DESC"
_ALL = "SELECT calls_calllog.id FROM calls_calllog WHERE calls_calllog.tenant_id = %s"
_NARROWED = {
    "direction": "direction = %s",
    "outcome": "outcome = %s",
    "user_id": "user_id = %s",
    "contact_id": "contact_id = %s",
    "since": "started_at >= %s",
    "until": "started_at < %s",
}


def _matching(tenant_id: UUID, filters: Filters) -> call_rows.Asked | None:
    """A statement of the ids of the calls that match, which conditions can be added to; None when
    none does. Only a text is put into SQL by the ORM, which takes longer for it than PostgreSQL.
    """
    found = _about(tenant_id, filters.text) if filters.text else (_ALL, [tenant_id])
    if found is None:
        return None
    sql, values = found
    conditions = []
    for name, condition in _NARROWED.items():
        if value := getattr(filters, name):
            conditions.append((condition, [value]))
    if filters.status:
        conditions.append(_in_status(filters.status))
    if filters.has_recording is not None:
        is_not = "" if filters.has_recording else "NOT "
        conditions.append((f"{is_not}has_recording", []))
    for condition, given in conditions:
        sql, values = f"{sql} AND {condition}", [*values, *given]
    return sql, values


def _in_status(status: str) -> tuple[str, list[str]]:
    """By the indexes of outcomes and of open calls: a status, which events change, has none."""
    if status not in states.TERMINAL:
        return "ended_at IS NULL AND status = %s", [status]
    outcomes = sorted(states.outcomes(status))
    return f"outcome IN ({', '.join(['%s'] * len(outcomes))}) AND status = %s", [*outcomes, status]


def _about(tenant_id: UUID, text: str) -> call_rows.Asked | None:
    with tenant_reading(tenant_id):
        calls: QuerySet[CallLog] = CallLog.objects.filter(_with(text)).order_by().values("id")
        try:
            sql, values = calls.query.sql_with_params()
        except EmptyResultSet:  # nobody is called so
            return None
    return sql, list(values)


def _with(text: str) -> Q:
    """Calls with a contact that the contacts' search finds, or that may be with one, or with these
    digits in the far side's number, of those that were called or called of late. What is searched
    for is found first, so that the calls are then found by their indexes.
    """
    found = about_contacts(text)
    prefixes = search.query_prefixes(text)
    if len(prefixes) == 1 and prefixes[0].isdigit() and len(prefixes[0]) >= search.SHORTEST_DIGITS:
        called, calling = _numbers_with(prefixes[0])
        found |= Q(direction=CallLog.Direction.OUTBOUND, to_number__in=called)
        found |= Q(direction=CallLog.Direction.INBOUND, from_number__in=calling)
    return found


def _numbers_with(digits: str) -> tuple[set[str], set[str]]:
    """The numbers with these digits (called, calling) of the latest `SEARCHED` calls, and the one
    that they are the whole of: LIKE has no index, and would read all that there are.
    """
    newest_first = CallLog.objects.order_by("-started_at")
    calls = CallLog.objects.filter(
        Q(direction=CallLog.Direction.OUTBOUND, to_number__contains=digits)
        | Q(direction=CallLog.Direction.INBOUND, from_number__contains=digits)
    )
    for first in newest_first.values_list("started_at", flat=True)[SEARCHED : SEARCHED + 1]:
        calls = calls.filter(started_at__gt=first)
    rows = calls.values_list("direction", "to_number", "from_number").order_by().distinct()
    called, calling = {f"+{digits}"}, {f"+{digits}"}
    for direction, to_number, from_number in rows[:_MOST_NUMBERS]:
        if direction == CallLog.Direction.OUTBOUND:
            called.add(to_number)
        else:
            calling.add(from_number)
    return called, calling
