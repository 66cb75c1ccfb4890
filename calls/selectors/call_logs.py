"""Reads of the call log for the API. All of them run inside the current tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from calls.facts import states
from calls.models import CallEvent, CallLeg, CallLog, Recording
from calls.selectors import call_rows
from calls.selectors.about import about_contacts
from contacts import search

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


def page(filters: Filters, *, number: int = 1, size: int = 20, before: str = "") -> Page:
    """Page `number`, newest first, counted from the cursor `before`. Two statements, and
    one more for calls in doubt.

    Raises `BadCursor`.
    """
    calls = _matching(filters)
    total = calls.order_by()[: COUNT_CAP + 1].count()
    if before:
        started_at, call_id = read_cursor(before)
        # The first condition is the range that the index walks, the second cuts its first moment.
        calls = calls.filter(started_at__lte=started_at).exclude(
            started_at=started_at, id__gte=call_id
        )
    first = (number - 1) * size
    rows = call_rows.told(calls.order_by("-started_at", "-id")[first : first + size + 1])
    has_more, rows = len(rows) > size, rows[:size]
    return Page(
        calls=rows,
        total=min(total, COUNT_CAP),
        total_is_capped=total > COUNT_CAP,
        number=number,
        size=size,
        next_cursor="{startedAt}~{id}".format_map(rows[-1]) if has_more else None,
    )


def detail(call_id: UUID) -> Detail | None:
    """Five statements, and one more when it is in doubt with whom the call is."""
    this = CallLog.objects.filter(pk=call_id)
    call = this.first()
    if call is None:
        return None
    (told,) = call_rows.told(this)
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


def _matching(filters: Filters) -> QuerySet[CallLog]:
    calls: QuerySet[CallLog] = CallLog.objects.all()
    for name, value in (
        ("direction", filters.direction),
        ("outcome", filters.outcome),
        ("user_id", filters.user_id),
        ("contact_id", filters.contact_id),
        ("started_at__gte", filters.since),
        ("started_at__lt", filters.until),
    ):
        if value:
            calls = calls.filter(**{name: value})
    if filters.status:
        calls = calls.filter(_in_status(filters.status))
    if filters.has_recording is not None:
        calls = calls.filter(has_recording=filters.has_recording)
    if filters.text:
        calls = calls.filter(_about(filters.text))
    return calls


def _in_status(status: str) -> Q:
    """By the indexes of outcomes and of open calls: a status, which events change, has none."""
    if status not in states.TERMINAL:
        return Q(ended_at=None, status=status)
    return Q(outcome__in=states.outcomes(status), status=status)


def _about(text: str) -> Q:
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
