"""One call with everything that is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, When

from calls.facts import explanations, states
from calls.models import BlockedCaller, CallEvent, CallLeg, CallLog, PhoneNumber, Recording
from calls.selectors import presentation
from calls.selectors.doubt import Doubt, doubt_of, load_possible, name_of
from calls.selectors.history import with_hold
from calls.selectors.lines import HistoryRow, line_of, recording_note, row
from calls.selectors.notes import Note, note_of
from calls.selectors.timeline import Fact, recording_fact, timeline
from contacts.numbers import display
from tenants.bricks import places
from tenants.models import Tenant


@dataclass(frozen=True)
class Leg:
    """One party's connection: `Maria Gonzalez`, `Contact, by phone`."""

    who: str
    what: str
    status_label: str
    tone: str
    length_display: str  # of the talk, "" when there was none
    note: str


@dataclass(frozen=True)
class Happening:
    iso: str
    clock: str
    text: str
    tone: str
    note: str


@dataclass(frozen=True)
class PlayableRecording:
    id: UUID
    state: str  # ready | waiting | failed | none
    note: str
    length_display: str
    is_voicemail: bool
    heard: str  # by whom a voicemail was heard first, and when


@dataclass(frozen=True)
class CallPage:
    row: HistoryRow
    doubt: Doubt | None  # with which of several contacts it is, also once that is chosen
    from_display: str
    to_display: str
    started_display: str  # in full, in the workspace's zone
    zone: str  # as people call it
    ring_display: str  # "" when it is not known how long it rang
    talk_display: str
    line: str  # of one that came in, the name of the number that was called
    wait_display: str  # for an agent
    missed: str  # why, in words
    done_display: str  # since when it is returned
    may_block: bool
    is_blocked: bool  # its number is, by now
    is_over: bool
    explanation: str  # why it ended as it did, when there is more to say than the badge does
    legs: Sequence[Leg]
    timeline: Sequence[Happening]
    recordings: Sequence[PlayableRecording]
    note: Note
    is_settled: bool  # nothing more will come

    @property
    def said(self) -> str:
        return f"{self.from_display} → {self.to_display}, {self.started_display}"


def call_page(tenant: Tenant, call_id: UUID, *, now: datetime, who: str = "") -> CallPage | None:
    """A call's own page; None when this tenant has no such call. Four statements, and one or two
    where it is, or was, in doubt with whom it is; `who` searches among those who have its number.
    """
    found = _with_line(with_hold(CallLog.objects.filter(pk=call_id)))
    recordings_of = Prefetch("recordings", Recording.objects.select_related("heard_by"))
    call = (
        found.select_related("contact", "user", "notes_by").prefetch_related(recordings_of).first()
    )
    if call is None:
        return None
    load_possible([call])
    room = call.conference_id
    legs = list(
        CallLeg.objects.filter(conference_id=room).select_related("user").order_by("created_at")
    )
    events = list(CallEvent.objects.filter(conference_id=room).order_by("at", "sequence", "id"))
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).date()
    label = call.line_label or ""
    line = row(line_of(call, name_of(call), label), tenant.country, zone, today)
    line = line._replace(doubt=doubt_of(call) if call.is_in_doubt else None)
    recordings = list(call.recordings.all())
    is_in, waited = call.direction == CallLog.Direction.INBOUND, call.wait_seconds
    # Why a call was missed, or that it was blocked, is said by itself.
    is_told = call.missed or presentation.was_blocked(call.direction, call.outcome)
    has_ended = call.outcome and not is_told
    end = presentation.ended(call.outcome, call.error_code) if has_ended else None
    return CallPage(
        row=line,
        doubt=doubt_of(call, text=who),
        from_display=line.number_display if is_in else display(call.from_number, tenant.country),
        to_display=display(call.to_full, tenant.country),
        started_display=_in_full(call.started_at, zone),
        zone=places.zone_name(tenant.time_zone),
        ring_display="" if is_in else _ring(call, legs, events),
        talk_display=presentation.spoken(call.duration) if call.duration else "",
        line=label,
        wait_display=presentation.spoken(waited) if waited is not None else "",
        missed=presentation.missed_reason(call.missed) if call.missed else "",
        done_display=_in_full(call.missed_done_at, zone) if call.missed_done_at else "",
        may_block=is_in and line.can_call,
        is_blocked=is_in and call.has_blocked_number,
        is_over=call.ended_at is not None,
        explanation=end.message if end else "",
        legs=[_leg(leg, line, call) for leg in legs],
        timeline=_timeline(call, legs, events, recordings, line, zone),
        recordings=[
            PlayableRecording(
                recording.pk,
                *_note(recording),
                presentation.seconds(recording.duration),
                recording.is_voicemail,
                _heard(recording, zone),
            )
            for recording in recordings
        ],
        note=note_of(call, zone, now),
        is_settled=_is_settled(call, recordings),
    )


def _with_line(calls: QuerySet[CallLog]) -> Any:
    """The same calls, each with the `line_label` of the number of ours that was called, and whether
    the caller `has_blocked_number`.
    """
    label = PhoneNumber.objects.filter(number=OuterRef("to_number"), label__gt="")
    blocked = BlockedCaller.objects.filter(number=OuterRef("from_number"))
    came_in = Q(direction=CallLog.Direction.INBOUND)
    return calls.annotate(
        line_label=Case(When(came_in, then=Subquery(label.values("label")[:1]))),
        has_blocked_number=Exists(blocked),
    )


def _in_full(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%A}, {local.day} {local:%B %Y}, {local:%H:%M:%S}"


def _heard(recording: Recording, zone: ZoneInfo) -> str:
    if recording.heard_at is None:
        return ""
    return f"{recording.heard_by}, {_in_full(recording.heard_at, zone)}"


def stored_recording(recording_id: UUID) -> Recording | None:
    """A recording that can be played."""
    stored = Recording.objects.filter(pk=recording_id, state=Recording.State.STORED)
    return stored.select_related("call").first()


def _note(recording: Recording) -> tuple[str, str]:
    state, note = recording_note(recording.state)
    if state == "waiting" and recording.error:  # Twilio has none to give, or our store is away
        note = "The recording isn’t here yet. The last try failed; we’ll keep trying."
    return state, note


def _is_settled(call: CallLog, recordings: Sequence[Recording]) -> bool:
    expected = call.is_recorded and bool(call.duration)
    final = (Recording.State.STORED, Recording.State.ABSENT, Recording.State.FAILED)
    return (
        call.ended_at is not None
        and (bool(recordings) or not expected)
        and all(recording.state in final for recording in recordings)
        and (not call.missed or call.missed_done_at is not None)
        and all(recording.heard_at or not recording.is_voicemail for recording in recordings)
    )


def _ring(call: CallLog, legs: Sequence[CallLeg], events: Sequence[CallEvent]) -> str:
    """From the first ring at the contact to the answer, or to the end without one."""
    contact = {leg.pk for leg in legs if leg.party == CallLeg.Party.CONTACT}
    rings = [e.at for e in events if e.leg_id in contact and e.name == states.RINGING]
    until = call.answered_at or call.ended_at
    if not rings or until is None:
        return ""
    return presentation.spoken(max(0, round((until - min(rings)).total_seconds())))


def _who(leg: CallLeg, line: HistoryRow) -> str:
    if leg.party == CallLeg.Party.CONTACT:
        return line.number_display if line.doubt else line.name
    return str(leg.user) if leg.user else leg.get_party_display()


def _leg(leg: CallLeg, line: HistoryRow, call: CallLog) -> Leg:
    is_contact = leg.party == CallLeg.Party.CONTACT
    outcome = states.outcome(leg.status, leg.sip_code) if leg.state.is_over else ""
    status = leg.status
    if is_contact and leg.on_hold and not outcome:
        status = "on-hold"
    elif outcome == states.COMPLETED and not call.answered_at:
        outcome = "left"  # of a room in which nobody else has been
    label, tone = presentation.status_word(status, outcome)
    came_in = is_contact and call.direction == CallLog.Direction.INBOUND
    if came_in and not call.missed and presentation.was_blocked(call.direction, call.outcome):
        label, tone = "Rejected", "secondary"
    return Leg(
        who=_who(leg, line),
        what=("Caller" if came_in else leg.get_party_display())
        + (", by phone" if is_contact or leg.is_phone else ", in the browser"),
        status_label=label,
        tone=tone,
        length_display=presentation.seconds(leg.duration) if leg.duration else "",
        note=explanations.TWILIO_ERRORS.get(leg.error_code or 0, ""),
    )


def _timeline(
    call: CallLog,
    legs: Sequence[CallLeg],
    events: Sequence[CallEvent],
    recordings: Sequence[Recording],
    line: HistoryRow,
    zone: ZoneInfo,
) -> list[Happening]:
    by_id = {leg.pk: leg for leg in legs}
    facts = []
    for event in events:
        leg = by_id.get(event.leg_id) if event.leg_id else None
        facts.append(
            Fact(
                kind=event.kind,
                name=event.name,
                at=event.at,
                who=_who(leg, line) if leg else "",
                party=leg.party if leg else "",
                sip_code=event.sip_code,
                error_code=event.error_code,
                duration=event.duration,
                came_in=call.direction == CallLog.Direction.INBOUND,
            )
        )
    facts += [
        recording_fact(recording.state, recording.stored_at or recording.created_at)
        for recording in recordings
    ]
    return [
        Happening(
            moment.at.isoformat(),
            f"{moment.at.astimezone(zone):%H:%M:%S}",
            moment.text,
            moment.tone,
            moment.note,
        )
        for moment in timeline(facts)
    ]
