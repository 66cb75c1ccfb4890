"""Reads of the call log for the API. All of them run inside the current tenant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Min, OuterRef, Prefetch, Q, QuerySet

from calls.facts import states
from calls.models import CallEvent, CallLeg, CallLog, PossibleContact, Recording
from calls.selectors.doubt import load_possible
from contacts import search
from contacts.models import ContactNumber
from contacts.selectors import find_contacts

COUNT_CAP = 10_000
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
class Entry:
    """A call with what is read beside its row. `ring_seconds` is None while nobody knows it;
    `recording` is the one that can be played, else the latest of which anything exists.
    """

    call: CallLog
    ring_seconds: int | None
    recording: Recording | None


@dataclass(frozen=True)
class Page:
    """`total` is exact up to COUNT_CAP and stays there beyond; `next_cursor` is None at the end."""

    entries: Sequence[Entry]
    total: int
    total_is_capped: bool
    number: int
    size: int
    next_cursor: str | None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None


@dataclass(frozen=True)
class Detail(Entry):
    """One call and everything that was heard of it, its earliest events first."""

    legs: Sequence[CallLeg]
    events: Sequence[CallEvent]


def page(filters: Filters, *, number: int = 1, size: int = 20, before: str = "") -> Page:
    """Page `number`, newest first, counted from the cursor `before`. Five statements, and
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
    rows = list(_with_neighbours(calls).order_by("-started_at", "-id")[first : first + size + 1])
    has_more, rows = len(rows) > size, rows[:size]
    return Page(
        entries=_entries(rows),
        total=min(total, COUNT_CAP),
        total_is_capped=total > COUNT_CAP,
        number=number,
        size=size,
        next_cursor=_cursor(rows[-1]) if has_more else None,
    )


def detail(call_id: UUID) -> Detail | None:
    """Six statements, and one more when it is in doubt with whom the call is."""
    call = _with_neighbours(CallLog.objects.filter(pk=call_id)).first()
    if call is None:
        return None
    (entry,) = _entries([call])
    of_call = {"conference_id": call.conference_id, "conference__isnull": False}
    legs = CallLeg.objects.filter(**of_call).select_related("user").order_by("created_at", "id")
    events = CallEvent.objects.filter(**of_call).select_related("leg").order_by("at", "id")
    return Detail(
        entry.call,
        entry.ring_seconds,
        entry.recording,
        legs=list(legs),
        events=list(events[:LONGEST_TIMELINE]),
    )


def _cursor(call: CallLog) -> str:
    # With a Z: a “+” would be read as a space in a query string.
    return f"{call.started_at.isoformat().replace('+00:00', 'Z')}~{call.pk}"


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
        ("status", filters.status),
        ("outcome", filters.outcome),
        ("user_id", filters.user_id),
        ("contact_id", filters.contact_id),
        ("started_at__gte", filters.since),
        ("started_at__lt", filters.until),
    ):
        if value:
            calls = calls.filter(**{name: value})
    if filters.has_recording is not None:
        stored = Recording.objects.filter(call_id=OuterRef("pk"), state=Recording.State.STORED)
        calls = calls.filter(Exists(stored) if filters.has_recording else ~Exists(stored))
    if filters.text:
        calls = calls.filter(_about(filters.text))
    return calls


def _about(text: str) -> Q:
    """Calls with a contact that the contacts' search finds, or that may be with one, or with these
    digits in a number.
    """
    contacts = find_contacts(text, archived=None).order_by().values("pk")
    possible = PossibleContact.objects.filter(contact_id__in=contacts).values("call_id")
    found = Q(contact_id__in=contacts) | Q(contact_id=None, pk__in=possible)
    prefixes = search.query_prefixes(text)
    if len(prefixes) == 1 and prefixes[0].isdigit() and len(prefixes[0]) >= search.SHORTEST_DIGITS:
        found |= Q(to_number__contains=prefixes[0]) | Q(from_number__contains=prefixes[0])
    return found


def _with_neighbours(calls: QuerySet[CallLog]) -> QuerySet[CallLog]:
    return calls.select_related("contact", "user").prefetch_related(
        Prefetch("recordings", Recording.objects.order_by("created_at", "id")),
        Prefetch("contact__numbers", ContactNumber.objects.order_by("position", "id")),
    )


def _entries(calls: Sequence[CallLog]) -> list[Entry]:
    load_possible(calls)
    rung = _ringing_times(call.conference_id for call in calls)
    return [
        Entry(call, _ring_seconds(call, rung.get(call.conference_id)), _recording(call))
        for call in calls
    ]


def _ringing_times(room_ids: Iterable[UUID | None]) -> dict[UUID | None, datetime]:
    """When the contact's phone began to ring, by room."""
    heard = CallEvent.objects.filter(
        conference_id__in=[room_id for room_id in room_ids if room_id],
        leg__party=CallLeg.Party.CONTACT,
        kind=states.CALL,
        name=states.RINGING,
    )
    return dict(heard.order_by().values_list("conference_id").annotate(Min("at")))


def _ring_seconds(call: CallLog, rang_at: datetime | None) -> int | None:
    end = call.answered_at or call.ended_at
    if rang_at is None or end is None:
        return None
    return max(0, int((end - rang_at).total_seconds()))


def _recording(call: CallLog) -> Recording | None:
    found = [each for each in call.recordings.all() if each.state != Recording.State.ABSENT]
    stored = [each for each in found if each.state == Recording.State.STORED]
    return next(reversed(stored or found), None)
