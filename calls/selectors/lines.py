"""Calls as lines of the history: read by one statement, formatted once for everybody who sees them.

The statement is written out, since the ORM took five times as long to compile it as to run it.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from calls.facts.inbound import callers
from calls.facts.notes import in_one_line
from calls.models import CallLeg, CallLog, PhoneNumber, Recording
from calls.selectors import presentation
from calls.selectors.doubt import Doubt
from contacts.models import Contact
from contacts.numbers import Number, display
from tenants.bricks import moments
from tenants.fence.columns import Columns, as_django
from tenants.models import User

Select = tuple[str, Sequence[Any]]  # SQL and its values

# Lines that are kept as they were formatted, and as they were drawn (pages/history_rows.py).
KEPT = 2000


class Line(NamedTuple):
    """What a line says, before it is put into words."""

    id: UUID
    direction: str  # a CallLog.Direction
    number: str  # the far side's `Number` as text, or what the network gave instead
    contact_id: UUID | None
    name: str  # the contact's, those of the ones whom it may be with, or ""
    status: str
    outcome: str
    duration: int | None
    started_at: datetime
    agent_name: str
    is_on_hold: bool  # its contact hears music
    meant: int
    recording_state: str  # a Recording.State, or ""
    recording_id: UUID | None
    # Of one that came in: the number of ours that was called, by its label.
    line: str = ""
    missed: str = ""  # a `missed.Missed`
    is_done: bool = False  # somebody has called back, or said so
    wait_seconds: int | None = None
    is_voicemail: bool = False
    is_heard: bool = False
    notes: str = ""  # the beginning of what was written down

    @property
    def is_moving(self) -> bool:
        return not self.outcome or self.recording_state in ("recording", "waiting")

    @property
    def is_in_doubt(self) -> bool:
        return self.contact_id is None and self.meant > 1


class HistoryRow(NamedTuple):
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
    note: str  # of one that came in: on which line, why it was missed, how long it waited
    is_missed: bool
    is_done: bool  # somebody has called back, or said so
    is_voicemail: bool
    is_new: bool  # a voicemail that nobody has heard
    notes: str  # what was written down, in one line

    @property
    def is_to_return(self) -> bool:
        return self.is_missed and not self.is_done


_CALL = Columns(
    CallLog,
    "c",
    *("id", "direction", "from_number", "to_number", "extension", "contact", "status", "outcome"),
    *("duration", "started_at", "meant", "missed", "missed_done_at", "wait_seconds"),
)
_CONTACT, _AGENT = Columns(Contact, "k", "name"), Columns(User, "u", "name", "email")
_LABEL, _HOLD = Columns(PhoneNumber, "p", "label"), Columns(CallLeg, "l", "on_hold")
_RECORDING = Columns(Recording, "r", "state", "id", "is_voicemail", "heard_at")
# Of several recordings the one that says most. As scalars: PostgreSQL hashes the whole table for a
# join to it.
_BEST = """(
    SELECT r.{name} FROM calls_recording r WHERE r.tenant_id = c.tenant_id AND r.call_id = c.id
    ORDER BY CASE r.state WHEN 'stored' THEN 0 WHEN 'waiting' THEN 1 WHEN 'failed' THEN 2
        ELSE 3 END, r.created_at, r.id LIMIT 1
)"""
_READ = """
SELECT {total} AS total, {more} AS more, substr(c.notes, 1, 300), {columns},
    CASE WHEN c.direction = 'INBOUND' THEN (
        SELECT p.label FROM calls_phonenumber p
        WHERE p.tenant_id = c.tenant_id AND p.number = c.to_number ORDER BY p.created_at LIMIT 1
    ) END,
    CASE WHEN c.ended_at IS NULL THEN EXISTS (
        SELECT 1 FROM calls_callleg l WHERE l.tenant_id = c.tenant_id
        AND l.conference_id = c.conference_id AND l.party = 'contact' AND l.on_hold
    ) ELSE FALSE END,
    {recording}
FROM calls_calllog c
LEFT JOIN contacts_contact k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
LEFT JOIN tenants_user u ON u.id = c.user_id
WHERE c.tenant_id = %s AND c.id IN ({ids})
ORDER BY c.started_at DESC, c.id DESC
"""
_SELECTED = _READ.format(
    total="{total}",
    more="{more}",
    columns=f"{_CALL.sql}, {_CONTACT.sql}, {_AGENT.sql}",
    recording=", ".join(_BEST.format(name=name) for name in _RECORDING.names),
    ids="{ids}",
)


def read(
    tenant_id: UUID, ids: Select, total: Select = ("0", []), more: Select = ("0", [])
) -> tuple[list[Line], int, int]:
    """(the calls that the statement `ids` finds, newest first; what the scalars `total` and `more`
    are where there are any); one statement.
    """
    tenant = CallLog._meta.pk.get_db_prep_value(tenant_id, connection)
    statement = _SELECTED.format(total=total[0], more=more[0], ids=ids[0])
    with connection.cursor() as cursor:
        cursor.execute(statement, [*total[1], *more[1], tenant, *ids[1]])
        rows = as_django(cursor.fetchall(), _CALL, _CONTACT, _AGENT, _LABEL, _HOLD, _RECORDING)
    return [_line(row) for row in rows], *(rows[0][:2] if rows else (0, 0))


def _line(row: Sequence[Any]) -> Line:
    # fmt: off
    (
        _, _, notes, call_id, direction, from_number, to_number, extension, contact_id, status,
        outcome, duration, started_at, meant, missed, done_at, wait_seconds, name, agent_name,
        agent_email, label, is_on_hold, recording_state, recording_id, is_voicemail, heard_at,
    ) = row
    # fmt: on
    outbound = direction == "OUTBOUND"
    return Line(
        id=call_id,
        direction=direction,
        number=str(Number(to_number, extension)) if outbound else from_number,
        contact_id=contact_id,
        name=name or "",
        status=status,
        outcome=outcome,
        duration=duration,
        started_at=started_at,
        agent_name=agent_name or agent_email or "",
        is_on_hold=is_on_hold,
        meant=meant,
        recording_state=recording_state or "",
        recording_id=recording_id,
        line=label or "",
        missed=missed,
        is_done=done_at is not None,
        wait_seconds=wait_seconds,
        is_voicemail=bool(is_voicemail),
        is_heard=heard_at is not None,
        notes=notes,
    )


def line_of(call: CallLog, name: str, label: str = "") -> Line:
    """A call of `with_hold`; its user and recordings must be loaded. `name` as in `Line`; `label`
    is its line's.
    """
    found = list(call.recordings.all())
    best = min(found, key=lambda one: _RANK.get(one.state, len(_RANK)), default=None)
    is_on_hold: bool = call.is_on_hold  # type: ignore[attr-defined]  # annotated
    return Line(
        id=call.pk,
        direction=call.direction,
        number=call.other_full,
        contact_id=call.contact_id,
        name=name,
        status=call.status,
        outcome=call.outcome,
        duration=call.duration,
        started_at=call.started_at,
        agent_name=str(call.user) if call.user else "",
        is_on_hold=is_on_hold,
        meant=call.meant,
        recording_state=best.state if best else "",
        recording_id=best.pk if best else None,
        line=label,
        missed=call.missed,
        is_done=call.missed_done_at is not None,
        wait_seconds=call.wait_seconds,
        is_voicemail=bool(best and best.is_voicemail),
        is_heard=bool(best and best.heard_at),
        notes=call.notes,
    )


_RANK: dict[str, int] = {
    Recording.State.STORED: 0,
    Recording.State.WAITING: 1,
    Recording.State.FAILED: 2,
}


@lru_cache(KEPT)
def row(line: Line, country: str, zone: ZoneInfo, today: date) -> HistoryRow:
    """A line in words; `today` is the day in `zone`. Pure, so that what is kept is never of another
    workspace or of before.
    """
    now = datetime.combine(today, time(12), zone)
    can_call, shown = far_side(line.number, country, came_in=line.direction == "INBOUND")
    label, tone = presentation.status_word(
        "on-hold" if line.is_on_hold else line.status, line.outcome
    )
    if line.missed:
        label, tone = presentation.missed_word(line.missed, is_done=line.is_done)
    elif presentation.was_blocked(line.direction, line.outcome):
        label, tone = "Blocked", "secondary"
    state, note = recording_note(line.recording_state) if line.recording_state else ("none", "")
    return HistoryRow(
        id=line.id,
        direction=line.direction.lower(),
        name=line.name or shown,
        number=line.number,
        number_display=shown,
        contact_id=line.contact_id,
        doubt=None,
        can_call=can_call,
        status_label=label,
        tone=tone,
        duration_display=presentation.seconds(line.duration) if line.duration else "",
        started_iso=line.started_at.isoformat(),
        started_display=moments.moment(line.started_at, zone, now),
        started_later=moments.later(line.started_at, zone, now),
        agent_name=line.agent_name,
        recording=state,
        recording_id=line.recording_id if state == "ready" else None,
        recording_note=note,
        note=_note(line, is_new := line.is_voicemail and not line.is_heard and state == "ready"),
        is_missed=bool(line.missed),
        is_done=line.is_done,
        is_voicemail=line.is_voicemail,
        is_new=is_new,
        notes=in_one_line(line.notes),
    )


def _note(line: Line, is_new: bool) -> str:
    parts = [line.line]
    if is_new:
        parts.append("Not heard yet")
    elif line.missed and line.missed not in presentation.ASKED:  # of these the badge says it
        parts.append(presentation.missed_reason(line.missed))
    if line.wait_seconds:
        parts.append(f"waited {presentation.seconds(line.wait_seconds)}")
    return " · ".join(filter(None, parts))


def far_side(number: str, country: str, *, came_in: bool) -> tuple[bool, str]:
    """(whether it can be called, as people read it). What a caller's network says may be no number:
    then it is shown as what it is, and no telephone is at the end of it.
    """
    if not came_in:
        return number.startswith("+"), display(number, country)
    caller = callers.read(number)
    shown = display(caller.number, country) if caller.number else caller.shown
    return caller.may_be_matched, shown


def recording_note(state: str) -> tuple[str, str]:
    """(ready | waiting | failed | none, a plain sentence) of a recording in this state."""
    return {
        Recording.State.RECORDING: ("none", "Recording."),
        Recording.State.WAITING: ("waiting", "The recording is on its way."),
        Recording.State.STORED: ("ready", ""),
        Recording.State.ABSENT: ("none", "Nothing was recorded."),
        Recording.State.FAILED: ("failed", "The recording could not be fetched from Twilio."),
    }[Recording.State(state)]
