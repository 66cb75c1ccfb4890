"""The history: one page of calls, filtered, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, Exists, OuterRef, Prefetch, Q, QuerySet, When

from calls.models import CallLeg, CallLog, Recording
from calls.selectors import presentation
from calls.selectors.about import about_contacts
from calls.selectors.doubt import Doubt, doubt_of, load_possible, name_of
from contacts.numbers import NumberError, display, parse
from tenants.bricks import moments
from tenants.models import Membership, Tenant

PAGE_SIZE = 25
COUNT_CAP = 1000
DIRECTIONS = {"inbound": "INBOUND", "outbound": "OUTBOUND"}
LIVE = "live"  # as a status to filter by: any call that is not over


@dataclass(frozen=True)
class Filters:
    """What the history is narrowed to; the defaults narrow nothing. Days are the workspace's."""

    direction: str = ""  # a key of DIRECTIONS
    status: str = ""  # an outcome, or LIVE
    agent: UUID | None = None
    contact: UUID | None = None
    since: date | None = None
    until: date | None = None  # that day included
    recorded: bool = False
    text: str = ""  # part of a contact's name, company or number, or a whole number


@dataclass(frozen=True)
class HistoryRow:
    id: UUID
    direction: str  # inbound | outbound
    name: str  # the contact's, those of the ones whom it may be with, or the number
    number: str  # E.164, or what the network gave instead
    number_display: str
    contact_id: UUID | None
    doubt: Doubt | None  # which of several contacts it is with is not known
    can_call: bool
    status_label: str
    tone: str
    duration_display: str
    started_iso: str
    started_display: str
    started_later: str
    agent_name: str
    recording: str  # none | waiting | ready | failed
    recording_id: UUID | None
    recording_note: str


@dataclass(frozen=True)
class History:
    """`next_cursor` is "" on the last page; `total_display` is capped: `1,000+`."""

    rows: Sequence[HistoryRow]
    next_cursor: str
    total_display: str


def history(
    tenant: Tenant,
    *,
    now: datetime,
    filters: Filters | None = None,
    before: str = "",
    size: int = PAGE_SIZE,
) -> History:
    """One page of calls, newest first, after the cursor `before`.

    Three statements, two more for a text, and one more for calls in doubt. Every filter is served
    by an index that is led by the tenant and ends in (started_at, id).
    """
    zone = ZoneInfo(tenant.time_zone)
    calls = _narrowed(tenant, filters or Filters(), zone)
    total = calls.order_by()[: COUNT_CAP + 1].count()
    page, next_cursor = _page(calls, before, size)
    return History(
        rows=[row(call, tenant.country, zone, now) for call in page],
        next_cursor=next_cursor,
        total_display=f"{COUNT_CAP:,}+" if total > COUNT_CAP else f"{total:,}",
    )


def calls_after(
    tenant: Tenant, *, filters: Filters, before: str, size: int
) -> tuple[Sequence[CallLog], str]:
    """(calls of the history after the cursor `before`, the next cursor), not counted or formatted;
    contact, user, recordings and whom it may be with are loaded.
    """
    return _page(_narrowed(tenant, filters, ZoneInfo(tenant.time_zone)), before, size)


def _page(calls: QuerySet[CallLog], before: str, size: int) -> tuple[Sequence[CallLog], str]:
    if cursor := _read_cursor(before):
        started_at, call_id = cursor
        # The first condition is the range that the index walks, the second cuts its first moment.
        calls = calls.filter(started_at__lte=started_at).exclude(
            started_at=started_at, id__gte=call_id
        )
    recordings = Prefetch("recordings", Recording.objects.order_by("created_at"))
    page = list(
        with_hold(calls)
        .select_related("contact", "user")
        .prefetch_related(recordings)
        .order_by("-started_at", "-id")[: size + 1]
    )
    more, page = len(page) > size, page[:size]
    load_possible(page)
    return page, f"{page[-1].started_at.isoformat()}~{page[-1].pk}" if more else ""


def with_hold(calls: QuerySet[CallLog]) -> QuerySet[CallLog]:
    """The same calls, each with `is_on_hold`: whether its contact hears music. Calls that are over
    are not looked up.
    """
    held = CallLeg.objects.filter(
        conference_id=OuterRef("conference_id"), party=CallLeg.Party.CONTACT, on_hold=True
    )
    return calls.annotate(is_on_hold=Case(When(ended_at=None, then=Exists(held)), default=False))


def agents() -> Sequence[tuple[UUID, str]]:
    """(user id, name) of everyone who can have had a call here, those who have left last."""
    members = Membership.objects.select_related("user").order_by("-is_active", "user__name", "id")
    return [
        (member.user_id, str(member.user) + ("" if member.is_active else " (deactivated)"))
        for member in members
    ]


def _narrowed(tenant: Tenant, filters: Filters, zone: ZoneInfo) -> QuerySet[CallLog]:
    calls: QuerySet[CallLog] = CallLog.objects.all()
    if filters.direction:
        calls = calls.filter(direction=DIRECTIONS[filters.direction])
    if filters.status == LIVE:
        calls = calls.filter(ended_at=None)
    elif filters.status:
        calls = calls.filter(outcome=filters.status)
    if filters.agent:
        calls = calls.filter(user_id=filters.agent)
    if filters.contact:
        calls = calls.filter(contact_id=filters.contact)
    if filters.since:
        calls = calls.filter(started_at__gte=_midnight(filters.since, zone))
    if filters.until:
        calls = calls.filter(started_at__lt=_midnight(filters.until + timedelta(days=1), zone))
    if filters.recorded:
        stored = Recording.objects.filter(call_id=OuterRef("pk"), state=Recording.State.STORED)
        calls = calls.filter(Exists(stored))
    if filters.text.strip():
        calls = calls.filter(_about(filters.text, tenant.country))
    return calls


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _about(text: str, country: str) -> Q:
    """Calls with a contact that the search finds (archived ones too), or that may be with one, or
    with this number.
    """
    about = about_contacts(text)
    try:
        number = parse(text, country).number
    except NumberError:
        return about
    return (
        about
        | Q(direction="OUTBOUND", to_number=number)
        | Q(direction="INBOUND", from_number=number)
    )


def _read_cursor(text: str) -> tuple[datetime, UUID] | None:
    started_at, _, call_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(started_at)
        return (moment.astimezone(UTC), UUID(call_id)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def row(call: CallLog, country: str, zone: ZoneInfo, now: datetime) -> HistoryRow:
    """A call of `with_hold` as one line; its contact, user, recordings and whom it may be with must
    be loaded.
    """
    number = call.other_full
    shown = display(number, country)
    is_on_hold: bool = call.is_on_hold  # type: ignore[attr-defined]  # annotated
    label, tone = presentation.status_word("on-hold" if is_on_hold else call.status, call.outcome)
    state, recording_id, note = _recording(call)
    return HistoryRow(
        id=call.pk,
        direction=call.direction.lower(),
        name=name_of(call) or shown,
        number=number,
        number_display=shown,
        contact_id=call.contact_id,
        doubt=doubt_of(call) if call.is_in_doubt else None,
        can_call=number.startswith("+"),
        status_label=label,
        tone=tone,
        duration_display=presentation.seconds(call.duration) if call.duration else "",
        started_iso=call.started_at.isoformat(),
        started_display=moments.moment(call.started_at, zone, now),
        started_later=moments.later(call.started_at, zone, now),
        agent_name=str(call.user) if call.user else "",
        recording=state,
        recording_id=recording_id,
        recording_note=note,
    )


def recording_note(recording: Recording) -> tuple[str, str]:
    """(ready | waiting | failed | none, a plain sentence) of one recording."""
    return {
        Recording.State.RECORDING: ("none", "Recording."),
        Recording.State.WAITING: ("waiting", "The recording is on its way."),
        Recording.State.STORED: ("ready", ""),
        Recording.State.ABSENT: ("none", "Nothing was recorded."),
        Recording.State.FAILED: ("failed", "The recording could not be fetched from Twilio."),
    }[Recording.State(recording.state)]


def _recording(call: CallLog) -> tuple[str, UUID | None, str]:
    """Of a call with several recordings, the one that says most: ready, on its way, failed."""
    found: dict[str, tuple[UUID | None, str]] = {}
    for recording in call.recordings.all():
        state, note = recording_note(recording)
        found.setdefault(state, (recording.pk if state == "ready" else None, note))
    for state in ("ready", "waiting", "failed", "none"):
        if state in found:
            return (state, *found[state])
    return "none", None, ""
