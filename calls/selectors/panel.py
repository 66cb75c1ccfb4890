"""Reads of calls, formatted for the page. All of them run inside the current tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet

from calls import presentation, states
from calls.models import CallLeg, CallLog, Conference, Recording
from contacts.numbers import display
from tenants.models import Tenant

PAGE_SIZE = 25
COUNT_CAP = 1000
DIRECTIONS = {"inbound": "INBOUND", "outbound": "OUTBOUND"}


@dataclass(frozen=True)
class HistoryRow:
    id: UUID
    direction: str  # inbound | outbound
    name: str  # the contact's, or the number
    number: str  # E.164, or what the network gave instead
    number_display: str
    contact_id: UUID | None
    can_call: bool
    status_label: str
    tone: str
    duration_display: str
    started_iso: str
    started_display: str
    agent_name: str
    recording: str  # none | waiting | ready | failed
    recording_id: UUID | None
    recording_note: str


@dataclass(frozen=True)
class History:
    """`next_cursor` is "" on the last page; `total_display` is capped: `1,000+`."""

    rows: Sequence[HistoryRow]
    next_cursor: str
    direction: str
    total_display: str


def history(
    tenant: Tenant, *, now: datetime, direction: str = "", before: str = "", size: int = PAGE_SIZE
) -> History:
    """One page of calls, newest first, after the cursor `before`. Three statements."""
    direction = direction if direction in DIRECTIONS else ""
    calls: QuerySet[CallLog] = CallLog.objects.all()
    if direction:
        calls = calls.filter(direction=DIRECTIONS[direction])
    total = calls.order_by()[: COUNT_CAP + 1].count()
    if cursor := _read_cursor(before):
        started_at, call_id = cursor
        calls = calls.filter(
            Q(started_at__lt=started_at) | Q(started_at=started_at, id__lt=call_id)
        )
    recordings = Prefetch("recordings", Recording.objects.order_by("created_at"))
    page = list(
        calls.select_related("contact", "user")
        .prefetch_related(recordings)
        .order_by("-started_at", "-id")[: size + 1]
    )
    more, page = len(page) > size, page[:size]
    zone = ZoneInfo(tenant.time_zone)
    return History(
        rows=[_row(call, tenant.country, zone, now) for call in page],
        next_cursor=f"{page[-1].started_at.isoformat()}~{page[-1].pk}" if more else "",
        direction=direction,
        total_display=f"{COUNT_CAP:,}+" if total > COUNT_CAP else f"{total:,}",
    )


def _read_cursor(text: str) -> tuple[datetime, UUID] | None:
    started_at, _, call_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(started_at)
        return (moment, UUID(call_id)) if moment.tzinfo else None
    except ValueError:
        return None


def _row(call: CallLog, country: str, zone: ZoneInfo, now: datetime) -> HistoryRow:
    number = call.other_number
    shown = display(number, country)
    label, tone = presentation.status_word(call.status, call.outcome)
    state, recording_id, note = _recording(call)
    return HistoryRow(
        id=call.pk,
        direction=call.direction.lower(),
        name=call.contact.name if call.contact else shown,
        number=number,
        number_display=shown,
        contact_id=call.contact_id,
        can_call=number.startswith("+"),
        status_label=label,
        tone=tone,
        duration_display=presentation.seconds(call.duration) if call.duration else "",
        started_iso=call.started_at.isoformat(),
        started_display=presentation.moment(call.started_at, zone, now),
        agent_name=str(call.user) if call.user else "",
        recording=state,
        recording_id=recording_id,
        recording_note=note,
    )


def _recording(call: CallLog) -> tuple[str, UUID | None, str]:
    """The state of a call's recording for the page, its id when it can be played, and a note."""
    found = list(call.recordings.all())
    for recording in found:
        if recording.state == Recording.State.STORED:
            return "ready", recording.pk, ""
    if any(recording.state == Recording.State.WAITING for recording in found):
        return "waiting", None, "The recording is on its way."
    if any(recording.state == Recording.State.FAILED for recording in found):
        return "failed", None, "The recording could not be fetched from Twilio."
    if any(recording.state == Recording.State.ABSENT for recording in found):
        return "none", None, "Nothing was recorded."
    return "none", None, ""


@dataclass(frozen=True)
class ActiveCall:
    state: str  # connecting | ringing | active | ended | error
    status_text: str
    tone: str
    name: str
    number_display: str
    request: str
    is_recorded: bool
    answered_iso: str = ""
    duration_display: str = ""
    message: str = ""
    is_over: bool = False


def active_call(
    tenant: Tenant,
    *,
    user_id: UUID,
    client_request_id: UUID,
    error: str = "",
    name: str = "",
    number: str = "",
) -> ActiveCall:
    """How the call of this wish stands. Until the server has heard of it, it is connecting.

    `error` is the code with which the browser gave up, `name` and `number` whom it wished to call.
    """
    room = Conference.objects.filter(agent_id=user_id, client_request_id=client_request_id).first()
    call = (
        CallLog.objects.select_related("contact").filter(conference=room).first() if room else None
    )
    if call is not None:
        number = call.other_number
        name = call.contact.name if call.contact else ""
    shown = display(number, tenant.country)
    waiting = ActiveCall(
        state="connecting",
        status_text="Connecting",
        tone="info",
        name=name or shown,
        number_display=shown,
        request=str(client_request_id),
        is_recorded=bool(call and call.is_recorded),
    )
    if call is not None and (call.ended_at or _contact_has_left(call)):
        outcome = call.outcome or states.COMPLETED
        talk = presentation.seconds(call.duration) if call.answered_at else ""
        over = _over(waiting, presentation.ended(outcome, call.error_code), talk)
        return replace(over, answered_iso=_iso(call.answered_at))
    if error == "canceled":
        nothing = presentation.Ended("Call ended", "secondary", "Nothing was dialled.")
        return _over(waiting, nothing)
    if error:
        failed = presentation.Ended("Call failed", "danger", presentation.phone_error(error))
        return _over(waiting, failed)
    if call is None:
        return waiting
    text, tone = presentation.status_word(call.status, "")
    return replace(
        waiting,
        state={states.RINGING: "ringing", states.IN_PROGRESS: "active"}.get(
            call.status, "connecting"
        ),
        status_text=text,
        tone=tone,
        answered_iso=_iso(call.answered_at),
    )


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _over(call: ActiveCall, end: presentation.Ended, talk: str = "") -> ActiveCall:
    return replace(
        call,
        state="error" if end.tone == "danger" else "ended",
        status_text=end.text,
        tone=end.tone,
        duration_display=talk,
        message=end.message,
        is_over=True,
    )


def _contact_has_left(call: CallLog) -> bool:
    """The far side hung up, though the call's last callback has not come yet."""
    return bool(
        CallLeg.objects.filter(
            conference_id=call.conference_id,
            party=CallLeg.Party.CONTACT,
            # A leg that was never answered leaves, too; its own callback says why.
            joined_at__isnull=False,
            left_at__isnull=False,
        ).exists()
    )


def stored_recording(recording_id: UUID) -> Recording | None:
    """A recording that can be played."""
    return Recording.objects.filter(pk=recording_id, state=Recording.State.STORED).first()
